//! The options that `#[task]` and `#[dag]` share, and how each kind of value is read.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{LitStr, Result, Token, parenthesized};

use crate::span;

/// A text: `key = "text"`.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// Texts: `key("a", "b")`.
pub(crate) fn texts(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    let content;
    parenthesized!(content in meta.input);
    Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// A duration: `key = "1h30m"`, as an expression of type `std::time::Duration`.
pub(crate) fn duration(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let literal = text(meta)?;
    let millis = span::millis(&literal.value()).map_err(|why| syn::Error::new(literal.span(), why))?;
    Ok(quote!(::core::time::Duration::from_millis(#millis)))
}

/// `uses(variables("a", "b_*"), connections("x"), dags("y"))`, as method calls on a task's or a DAG's builder.
pub(crate) fn uses(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let mut calls = TokenStream::new();
    meta.parse_nested_meta(|kind| {
        let method = match kind.path.get_ident().map(ToString::to_string).as_deref() {
            Some("variables") => quote!(uses_variables),
            Some("connections") => quote!(uses_connections),
            Some("dags") => quote!(uses_dags),
            _ => return Err(kind.error("expected `variables(…)`, `connections(…)` or `dags(…)`")),
        };
        let names = texts(&kind)?;
        calls.extend(quote!(.#method([#(#names),*])));
        Ok(())
    })?;
    Ok(calls)
}
