//! `#[dag]`: a function whose body draws tasks becomes one that returns the drawn DAG, registered with the module.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, ItemFn, LitStr, Path, Result, Token, parenthesized};

use crate::options::{self, Calls, Kind, Table};
use crate::{signature, span};

const RUN_TYPES: &[&str] =
    &["manual", "scheduled", "backfill", "operator_triggered", "asset_triggered", "asset_materialization"];

const OPTIONS: &Table = &[
    ("display_name", Kind::Value),
    ("description", Kind::Value),
    ("doc_md", Kind::Value),
    ("tags", Kind::Texts),
    ("owner", Kind::Value),
    ("catchup", Kind::Flag),
    ("max_active_runs", Kind::Value),
    ("max_active_tasks", Kind::Value),
    ("max_consecutive_failed_dag_runs", Kind::Value),
    ("dagrun_timeout", Kind::Duration),
    ("fail_fast", Kind::Flag),
    ("is_paused_upon_creation", Kind::Flag),
    ("rerun_with_latest_version", Kind::Flag),
    ("allowed_run_types", Kind::Names(RUN_TYPES)),
    ("on_success", Kind::Values),
    ("on_failure", Kind::Values),
    ("deadline", Kind::Values),
    ("uses", Kind::Uses),
];
/// Those that need a second look.
const OTHERS: &[&str] = &["id", "schedule", "timezone", "every", "start_date", "end_date", "params"];

/// What stands in the parentheses of `#[dag(…)]`.
#[derive(Default)]
pub(crate) struct Options {
    id: Option<LitStr>,
    schedule: Option<Expr>,
    timezone: Option<LitStr>,
    every: Option<(Path, TokenStream)>,
    bare_date: Option<LitStr>,
    /// Method calls on the DAG's builder.
    calls: Calls,
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
        let name = options::name(meta);
        if OTHERS.contains(&name.as_str()) {
            self.calls.once(meta)?;
        }
        match name.as_str() {
            "id" => self.id = Some(options::text(meta)?),
            "schedule" => self.schedule = Some(options::value(meta)?),
            "timezone" => self.timezone = Some(options::text(meta)?),
            "every" => self.every = Some((meta.path.clone(), options::duration(meta)?)),
            "start_date" => self.date(meta, &quote!(start_date))?,
            "end_date" => self.date(meta, &quote!(end_date))?,
            "params" => self.params(meta)?,
            _ => self.calls.read(meta, OPTIONS, OTHERS)?,
        }
        Ok(())
    }

    fn date(&mut self, meta: &ParseNestedMeta<'_>, method: &TokenStream) -> Result<()> {
        let literal = options::text(meta)?;
        let (instant, bare) = span::instant(&literal.value()).map_err(|why| Error::new(literal.span(), why))?;
        self.calls.push(quote!(.#method(#instant)));
        if bare {
            self.bare_date.get_or_insert(literal);
        }
        Ok(())
    }

    /// `params(name = "Ada", rows = param(10).minimum(1))`
    fn params(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let content;
        parenthesized!(content in meta.input);
        let params = Punctuated::<Param, Token![,]>::parse_terminated(&content)?;
        for Param(name, default) in params {
            let name = signature::plain(&name);
            self.calls.push(quote!(.param(#name, #default)));
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
    fn calls(&self, documentation: Option<String>) -> TokenStream {
        let calls = &self.calls;
        let documentation = documentation.filter(|_| !calls.has("doc_md")).map(|text| quote!(.doc_md(#text)));
        let schedule = match (&self.schedule, &self.timezone, &self.every) {
            (Some(schedule), Some(zone), _) => {
                Some(quote!(.schedule(::flow_sdk::schedule::Schedule::from(#schedule).timezone(#zone))))
            }
            (Some(schedule), None, _) => Some(quote!(.schedule(#schedule))),
            (None, _, Some((_, every))) => Some(quote!(.schedule(::flow_sdk::schedule::every(#every)))),
            (None, _, None) => None,
        };
        quote!(#documentation #calls #schedule)
    }
}

/// `name = default`
struct Param(Ident, Expr);

impl syn::parse::Parse for Param {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self(name, input.parse()?))
    }
}

/// The expansion: a function of the same name that draws the DAG, and its registration.
pub(crate) fn expand(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    refuse_unsupported(function)?;
    let ItemFn { attrs, vis, sig, block } = function;
    let name = &sig.ident;
    let id = options.id.as_ref().map_or_else(|| signature::plain(name), LitStr::value);
    let calls = options.calls(signature::documentation(attrs));
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
