//! `#[dag]`: a function whose body draws tasks becomes one that returns the drawn DAG, registered with the module.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::{Error, ItemFn, LitBool, LitStr, Path, Result};

use crate::{options, span};

const ACCEPTED: &str = "expected `id = \"…\"`, `description = \"…\"`, `tags(\"…\")`, `schedule = \"@daily\"`, \
                        `timezone = \"Europe/Amsterdam\"`, `every = \"10m\"`, `start_date = \"2026-01-31\"`, \
                        `end_date = \"…\"`, `catchup = true` or `uses(…)`";

/// What stands in the parentheses of `#[dag(…)]`.
#[derive(Default)]
pub(crate) struct Options {
    id: Option<LitStr>,
    schedule: Option<LitStr>,
    timezone: Option<LitStr>,
    every: Option<(Path, TokenStream)>,
    bare_date: Option<LitStr>,
    /// Method calls on the DAG's builder, for everything that needs no second look.
    calls: TokenStream,
}

impl syn::parse::Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        syn::meta::parser(|meta| options.read(&meta)).parse2(input.parse()?)?;
        options.check()?;
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match meta.path.get_ident().map(ToString::to_string).as_deref() {
            Some("id") => self.id = Some(options::text(meta)?),
            Some("schedule") => self.schedule = Some(options::text(meta)?),
            Some("timezone") => self.timezone = Some(options::text(meta)?),
            Some("every") => {
                self.every = Some((meta.path.clone(), options::duration(meta)?));
            }
            Some("description") => {
                let text = options::text(meta)?;
                self.calls.extend(quote!(.description(#text)));
            }
            Some("tags") => {
                let tags = options::texts(meta)?;
                self.calls.extend(quote!(.tags([#(#tags),*])));
            }
            Some("start_date") => self.date(meta, &quote!(start_date))?,
            Some("end_date") => self.date(meta, &quote!(end_date))?,
            Some("catchup") => {
                let catchup: LitBool = meta.value()?.parse()?;
                self.calls.extend(quote!(.catchup(#catchup)));
            }
            Some("uses") => self.calls.extend(options::uses(meta)?),
            _ => return Err(meta.error(ACCEPTED)),
        }
        Ok(())
    }

    fn date(&mut self, meta: &ParseNestedMeta<'_>, method: &TokenStream) -> Result<()> {
        let literal = options::text(meta)?;
        let (instant, bare) = span::instant(&literal.value()).map_err(|why| Error::new(literal.span(), why))?;
        self.calls.extend(quote!(.#method(#instant)));
        if bare {
            self.bare_date.get_or_insert(literal);
        }
        Ok(())
    }

    /// Refuses options that contradict each other or would silently mean something else.
    fn check(&self) -> Result<()> {
        if let (Some(_), Some((every, _))) = (&self.schedule, &self.every) {
            return Err(Error::new_spanned(every, "a DAG has one schedule: give either `schedule` or `every`"));
        }
        if let (None, Some(timezone)) = (&self.schedule, &self.timezone) {
            return Err(Error::new(timezone.span(), "`timezone` needs a `schedule` that it applies to"));
        }
        match (&self.timezone, &self.bare_date) {
            (Some(zone), Some(date)) if zone.value() != "UTC" => {
                let why = "a bare date is midnight UTC, which is another instant in this DAG's time zone: \
                           write it with its offset, such as \"2026-01-31T00:00:00+01:00\"";
                Err(Error::new(date.span(), why))
            }
            _ => Ok(()),
        }
    }

    /// The builder's method calls.
    fn calls(&self) -> TokenStream {
        let mut calls = self.calls.clone();
        if let Some(expression) = &self.schedule {
            let timezone = self.timezone.as_ref().map_or_else(|| "UTC".to_owned(), LitStr::value);
            calls.extend(quote!(.schedule(#expression, #timezone)));
        }
        if let Some((_, every)) = &self.every {
            calls.extend(quote!(.every(#every)));
        }
        calls
    }
}

/// The expansion: a function of the same name that draws the DAG, and its registration.
pub(crate) fn expand(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    refuse_unsupported(function)?;
    let ItemFn { attrs, vis, sig, block } = function;
    let name = &sig.ident;
    let id = options.id.as_ref().map_or_else(|| name.to_string().trim_start_matches("r#").to_owned(), LitStr::value);
    let calls = options.calls();
    let output = &sig.output;
    Ok(quote! {
        #(#attrs)*
        #vis fn #name() -> ::flow_sdk::Result<::flow_sdk::Dag> {
            fn body() #output #block
            ::flow_sdk::Dag::new(#id)#calls.draw(body)
        }

        ::flow_sdk::runtime::inventory::submit!(::flow_sdk::runtime::DagEntry {
            id: #id,
            file: ::core::file!(),
            line: ::core::line!(),
            draw: #name,
        });
    })
}

fn refuse_unsupported(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(word) = &signature.asyncness {
        return Err(Error::new_spanned(word, "a DAG is drawn at once: its function cannot be async"));
    }
    if !signature.inputs.is_empty() {
        let why = "a DAG's function takes no arguments; pass `conf(\"name\")` to a task to hand it a member of the \
                   run's configuration";
        return Err(Error::new_spanned(&signature.inputs, why));
    }
    Ok(())
}
