//! `#[trigger]`, `#[callback]` and `#[timetable]`: a function becomes one that binds its arguments for later, and its body
//! moves to `name::body`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{ItemFn, Result};

use crate::options::{self, Calls, Kind};
use crate::signature::{self, Head, Parameters, Role};

/// How often a trigger looks that does not say.
const POKE_INTERVAL_MS: u64 = 60_000;

/// What stands in the parentheses, and what the function becomes.
pub(crate) struct Options {
    role: Role,
    /// The type that holds the function with its arguments, with a `bind` function.
    bound: TokenStream,
    /// The trait by which what the function returns says what it finds, if `bound` is generic over that.
    finds: Option<TokenStream>,
    /// The alias in `flow_sdk::runtime` for such functions.
    registered: TokenStream,
    /// Method calls on what is bound.
    calls: Calls,
    /// What becomes of the function's `value`, if it is not yet what the host is told.
    end: Option<TokenStream>,
}

impl Options {
    pub(crate) fn of_trigger(input: ParseStream<'_>) -> Result<Self> {
        let mut calls = Calls::default();
        let mut interval = quote!(::core::time::Duration::from_millis(#POKE_INTERVAL_MS));
        syn::meta::parser(|meta| {
            if !meta.path.is_ident("poke_interval") {
                return calls.read(&meta, &[], &["poke_interval"]);
            }
            calls.once(&meta)?;
            interval = options::duration(&meta)?;
            Ok(())
        })
        .parse2(input.parse()?)?;
        Ok(Self {
            role: Role { kind: "trigger", told: None },
            bound: quote!(::flow_sdk::trigger::Awaiting),
            finds: Some(quote!(::flow_sdk::Check)),
            registered: quote!(::flow_sdk::runtime::Trigger),
            calls,
            end: Some(quote!(.and_then(|value| ::flow_sdk::runtime::look(value, #interval)))),
        })
    }

    pub(crate) fn of_callback(input: ParseStream<'_>) -> Result<Self> {
        let mut calls = Calls::default();
        syn::meta::parser(|meta| calls.read(&meta, &[("retries", Kind::Value)], &[])).parse2(input.parse()?)?;
        Ok(Self {
            role: Role { kind: "callback", told: Some("Event") },
            bound: quote!(::flow_sdk::Callback),
            finds: None,
            registered: quote!(::flow_sdk::runtime::Callback),
            calls,
            end: None,
        })
    }

    pub(crate) fn of_timetable(input: ParseStream<'_>) -> Result<Self> {
        let _: syn::parse::Nothing = input.parse()?;
        Ok(Self {
            role: Role { kind: "timetable", told: Some("TimetableQuery") },
            bound: quote!(::flow_sdk::schedule::Schedule),
            finds: None,
            registered: quote!(::flow_sdk::runtime::Timetable),
            calls: Calls::default(),
            end: None,
        })
    }
}

/// The expansion: the binding function, and a type of the same name that holds the body and what the host's call needs.
pub(crate) fn expand(options: &Options, mut function: ItemFn) -> Result<TokenStream> {
    let Options { role, bound, finds, registered, calls, end } = options;
    let parameters = Parameters::of(&function, *role)?;
    let (returned, settle) = signature::returned(&function.sig.output);
    let found = finds.as_ref().map(|finds| quote!(::<<#returned as #finds>::Value>));
    let bound = quote!(#bound #found);
    let Head { docs, visibility, name, id } = Head::of(&mut function);
    let (kind, texts) = (role.kind, parameters.texts());
    let Parameters { told, names, types } = parameters;
    let heard = role.told.map(|_| quote!(_told,));
    let told = told.then(|| quote!(_told,));
    Ok(quote! {
        #(#docs)*
        #visibility fn #name(#(#names: impl ::flow_sdk::Literal<#types>),*) -> #bound {
            #name::bind(::std::vec![#(::flow_sdk::Literal::<#types>::into_json(#names)),*])
        }

        #[allow(non_camel_case_types, dead_code)]
        #[doc(hidden)]
        #visibility struct #name {}

        #[allow(dead_code)]
        impl #name {
            const FUNCTION: #registered = #registered {
                kind: #kind,
                id: #id,
                name: ::core::concat!(::core::module_path!(), "::", #id),
                parameters: &[#(#texts),*],
                run: |#heard mut _arguments| {
                    ::flow_sdk::runtime::#settle(Self::body(#told #(_arguments.take::<#types>()?),*)) #end
                },
            };

            fn bind(arguments: ::std::vec::Vec<::flow_sdk::Result<::flow_sdk::runtime::Value>>) -> #bound {
                <#bound>::bind(&Self::FUNCTION, arguments)#calls
            }

            #[allow(clippy::needless_pass_by_value)]
            #function
        }

        ::flow_sdk::runtime::inventory::submit!(#name::FUNCTION);
    })
}
