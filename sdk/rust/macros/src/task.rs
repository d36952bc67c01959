//! `#[task]`: a function becomes a call that draws a task into a DAG, and its body moves to `name::body`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::{Error, FnArg, Ident, ItemFn, LitInt, Pat, PatType, Result, ReturnType, Type};

use crate::options;

const ACCEPTED: &str = "expected `retries = 3`, `retry_delay = \"5s\"`, `timeout = \"1m\"`, \
                        `trigger_rule = \"all_done\"` or `uses(…)`";

/// What stands in the parentheses of `#[task(…)]`: method calls on the drawn task.
#[derive(Default)]
pub(crate) struct Options(TokenStream);

impl syn::parse::Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        syn::meta::parser(|meta| options.read(&meta)).parse2(input.parse()?)?;
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let call = match meta.path.get_ident().map(ToString::to_string).as_deref() {
            Some("retries") => {
                let count: u32 = meta.value()?.parse::<LitInt>()?.base10_parse()?;
                quote!(.retries(#count))
            }
            Some("retry_delay") => {
                let delay = options::duration(meta)?;
                quote!(.retry_delay(#delay))
            }
            Some("timeout") => {
                let limit = options::duration(meta)?;
                quote!(.timeout(#limit))
            }
            Some("trigger_rule") => trigger_rule(meta)?,
            Some("uses") => options::uses(meta)?,
            _ => return Err(meta.error(ACCEPTED)),
        };
        self.0.extend(call);
        Ok(())
    }
}

fn trigger_rule(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let literal = options::text(meta)?;
    match literal.value().as_str() {
        "all_success" => Ok(quote!(.trigger_rule(::flow_sdk::TriggerRule::AllSuccess))),
        "all_done" => Ok(quote!(.trigger_rule(::flow_sdk::TriggerRule::AllDone))),
        _ => Err(Error::new(literal.span(), "expected \"all_success\" or \"all_done\"")),
    }
}

/// The parameters of a task: perhaps its context first, then what other tasks or literals supply.
struct Parameters {
    context: bool,
    names: Vec<Ident>,
    types: Vec<Type>,
}

impl Parameters {
    fn of(function: &ItemFn) -> Result<Self> {
        let mut all = Self { context: false, names: Vec::new(), types: Vec::new() };
        for (position, input) in function.sig.inputs.iter().enumerate() {
            let FnArg::Typed(PatType { pat, ty, .. }) = input else {
                return Err(Error::new_spanned(input, "a task is a plain function, without `self`"));
            };
            match (&**pat, &**ty) {
                (_, Type::Reference(to)) if position == 0 && is_context(&to.elem) => all.context = true,
                (_, Type::Reference(_)) => {
                    let why = "a task owns its arguments; only the first parameter may be a reference, `&Context`";
                    return Err(Error::new_spanned(ty, why));
                }
                (Pat::Ident(name), ty) => {
                    all.names.push(used(&name.ident));
                    all.types.push(ty.clone());
                }
                (pat, _) => return Err(Error::new_spanned(pat, "a task's parameter needs a plain name")),
            }
        }
        Ok(all)
    }
}

fn is_context(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context"))
}

/// `name` without the underscore that marks a parameter which the body leaves alone: the drawing function uses it.
fn used(name: &Ident) -> Ident {
    match name.to_string().strip_prefix('_') {
        Some(rest) if rest.starts_with(|c: char| c.is_alphabetic()) => Ident::new(rest, name.span()),
        _ => name.clone(),
    }
}

/// The expansion: the drawing function, and a type of the same name that holds the body and what `run` needs.
pub(crate) fn expand(options: &Options, mut function: ItemFn) -> Result<TokenStream> {
    refuse_unsupported(&function)?;
    let Parameters { context, names, types } = Parameters::of(&function)?;
    let (returned, finish) = returned(&function.sig.output);
    let Options(calls) = options;
    let (docs, others): (Vec<_>, Vec<_>) = function.attrs.drain(..).partition(|each| each.path().is_ident("doc"));
    function.attrs = others;
    let visibility = &function.vis;
    let name = std::mem::replace(&mut function.sig.ident, format_ident!("body"));
    let id = name.to_string().trim_start_matches("r#").to_owned();
    let parameters: Vec<_> = names.iter().map(ToString::to_string).collect();
    let context = context.then(|| quote!(_context,));
    Ok(quote! {
        #(#docs)*
        #visibility fn #name(#(#names: impl ::flow_sdk::Input<#types>),*) -> ::flow_sdk::Output<#returned> {
            let arguments = ::std::vec![#(::flow_sdk::Input::<#types>::into_argument(#names)),*];
            ::flow_sdk::Output::draw(&#name::TASK, arguments)#calls
        }

        #[allow(non_camel_case_types, dead_code)]
        #[doc(hidden)]
        #visibility struct #name {}

        #[allow(dead_code)]
        impl #name {
            const TASK: ::flow_sdk::runtime::Task = ::flow_sdk::runtime::Task {
                id: #id,
                function: ::core::concat!(::core::module_path!(), "::", #id),
                parameters: &[#(#parameters),*],
                run: |_context, mut _arguments| {
                    ::flow_sdk::runtime::#finish(Self::body(#context #(_arguments.take::<#types>()?),*))
                },
            };

            #[allow(clippy::needless_pass_by_value)]
            #function
        }

        ::flow_sdk::runtime::inventory::submit!(#name::TASK);
    })
}

fn refuse_unsupported(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(word) = &signature.asyncness {
        return Err(Error::new_spanned(word, "a task cannot be async: the host runs it on a thread of its own"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(&signature.generics, "a task cannot be generic: its values travel as JSON"));
    }
    Ok(())
}

/// The type that a task's handle carries, and the function of `flow_sdk::runtime` that ends its run. A type whose name
/// ends in `Result` is fallible.
fn returned(output: &ReturnType) -> (TokenStream, Ident) {
    let plain = format_ident!("succeed");
    match output {
        ReturnType::Default => (quote!(()), plain),
        ReturnType::Type(_, ty) => match &**ty {
            Type::Path(path) if path.path.segments.last().is_some_and(|last| is_result(&last.ident)) => {
                (quote!(<#ty as ::flow_sdk::runtime::Fallible>::Value), format_ident!("finish"))
            }
            ty => (quote!(#ty), plain),
        },
    }
}

fn is_result(name: &Ident) -> bool {
    name.to_string().ends_with("Result")
}
