//! `#[retry_policy]`: a function becomes a constant that tasks name, and its body moves to `name::body`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, Result};

use crate::signature::{Head, Parameters, Role};

/// The expansion: the constant, and a type of the same name that holds the body.
pub(crate) fn expand(mut function: ItemFn) -> Result<TokenStream> {
    let Parameters { told, names, .. } =
        Parameters::of(&function, Role { kind: "retry policy", told: Some("Failure") })?;
    if !told || !names.is_empty() {
        let why = "a retry policy is asked `fn(failure: &Failure) -> RetryDecision`: the failure says which try it was";
        return Err(Error::new_spanned(&function.sig, why));
    }
    let Head { docs, visibility, name, id } = Head::of(&mut function);
    Ok(quote! {
        #(#docs)*
        #[allow(non_upper_case_globals)]
        #visibility const #name: ::flow_sdk::RetryPolicy = ::flow_sdk::RetryPolicy {
            name: ::core::concat!(::core::module_path!(), "::", #id),
            decide: <#name>::body,
        };

        #[allow(non_camel_case_types, dead_code)]
        #[doc(hidden)]
        #visibility struct #name {}

        impl #name {
            #function
        }

        ::flow_sdk::runtime::inventory::submit!(#name);
    })
}
