//! `#[task]` and `#[sensor]`: a function becomes a call that draws a task into a DAG, and its body moves to `name::body`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{ItemFn, Result, Type};

use crate::options::{self, Calls, Kind, Table};
use crate::signature::{self, Head, Parameters, Role};

const TRIGGER_RULES: &[&str] = &[
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_done_setup_success",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "all_skipped",
    "always",
];

const OPTIONS: &Table = &[
    ("display_name", Kind::Value),
    ("doc_md", Kind::Value),
    ("owner", Kind::Value),
    ("trigger_rule", Kind::Variant("TriggerRule", TRIGGER_RULES)),
    ("retries", Kind::Value),
    ("retry_delay", Kind::Duration),
    ("retry_exponential_backoff", Kind::Value),
    ("max_retry_delay", Kind::Duration),
    ("retry_policy", Kind::Value),
    ("timeout", Kind::Duration),
    ("execution_timeout", Kind::Duration),
    ("depends_on_past", Kind::Switch),
    ("wait_for_downstream", Kind::Switch),
    ("pool", Kind::Value),
    ("pool_slots", Kind::Value),
    ("priority_weight", Kind::Value),
    ("weight_rule", Kind::Variant("WeightRule", &["downstream", "upstream", "absolute"])),
    ("max_active_tis_per_dag", Kind::Value),
    ("max_active_tis_per_dagrun", Kind::Value),
    ("map_index_template", Kind::Value),
    ("inlets", Kind::Each("inlet")),
    ("outlets", Kind::Each("outlet")),
    ("on_execute", Kind::Values),
    ("on_success", Kind::Values),
    ("on_failure", Kind::Values),
    ("on_retry", Kind::Values),
    ("on_skipped", Kind::Values),
    ("deadline", Kind::Values),
    ("uses", Kind::Uses),
];
const OF_TASKS: &Table = &[("ignore_downstream_trigger_rules", Kind::Flag)];
const OF_SENSORS: &Table = &[("soft_fail", Kind::Switch)];

/// How often a sensor looks that does not say: as in Airflow.
const POKE_INTERVAL_MS: u64 = 60_000;

/// What stands in the parentheses of `#[task(…)]` or `#[sensor(…)]`.
pub(crate) struct Options {
    /// Method calls on the drawn task.
    calls: Calls,
    /// The function of `flow_sdk::runtime` that ends the task.
    end: &'static str,
    /// What that is given besides the result.
    interval: Option<TokenStream>,
    /// The trait whose `Value` the task's handle carries.
    carries: TokenStream,
    mark: Mark,
}

/// What is said first of the drawn task: what some options mean depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Task,
    ShortCircuit,
    Sensor,
}

impl Options {
    pub(crate) fn of_task(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self {
            calls: Calls::default(),
            end: "end",
            interval: None,
            carries: quote!(::flow_sdk::Outcome),
            mark: Mark::Task,
        };
        let table = [OPTIONS, OF_TASKS].concat();
        syn::meta::parser(|meta| options.read_of_task(&meta, &table)).parse2(input.parse()?)?;
        Ok(options)
    }

    fn read_of_task(&mut self, meta: &ParseNestedMeta<'_>, table: &Table) -> Result<()> {
        if !meta.path.is_ident("short_circuit") {
            return self.calls.read(meta, table, &["short_circuit"]);
        }
        self.calls.once(meta)?;
        if options::flag(meta)?.value {
            self.end = "short_circuit";
            self.carries = quote!(::flow_sdk::Check);
            self.mark = Mark::ShortCircuit;
        }
        Ok(())
    }

    pub(crate) fn of_sensor(input: ParseStream<'_>) -> Result<Self> {
        let mut calls = Calls::default();
        let mut interval = quote!(::core::time::Duration::from_millis(#POKE_INTERVAL_MS));
        let table = [OPTIONS, OF_SENSORS].concat();
        syn::meta::parser(|meta| {
            if meta.path.is_ident("poke_interval") {
                calls.once(&meta)?;
                interval = options::duration(&meta)?;
                return Ok(());
            }
            // Between two looks a sensor holds no slot in either mode, so that there is nothing to choose.
            if meta.path.is_ident("mode") {
                calls.once(&meta)?;
                return options::one_of(&options::text(&meta)?, &["poke", "reschedule"]);
            }
            calls.read(&meta, &table, &["poke_interval", "mode"])
        })
        .parse2(input.parse()?)?;
        Ok(Self {
            calls,
            end: "sense",
            interval: Some(interval),
            carries: quote!(::flow_sdk::Check),
            mark: Mark::Sensor,
        })
    }

    /// The method calls on the drawn task, with its documentation. `returned` is the type of its result.
    fn calls(&self, documentation: Option<String>, returned: &TokenStream) -> TokenStream {
        let calls = &self.calls;
        let mark = match self.mark {
            Mark::Task => {
                let decides = quote_spanned!(place(returned)=> <#returned as ::flow_sdk::Outcome>::DECIDES);
                quote!(.decides(#decides))
            }
            Mark::ShortCircuit => {
                quote!(.decides(::core::option::Option::Some(::flow_sdk::runtime::Decides::ShortCircuit)))
            }
            Mark::Sensor => quote!(.sensor()),
        };
        let documentation = documentation.filter(|_| !calls.has("doc_md")).map(|text| quote!(.doc_md(#text)));
        quote!(#mark #documentation #calls)
    }

    fn kind(&self) -> &'static str {
        match self.mark {
            Mark::Task | Mark::ShortCircuit => "task",
            Mark::Sensor => "sensor",
        }
    }
}

/// Where a mistake in the result's type is shown: at that type.
fn place(returned: &TokenStream) -> Span {
    Span::call_site().located_at(returned.span())
}

/// What the task's handle carries: a `value`, or a list of them if an argument is mapped over.
fn carried(suppliers: &[Ident], types: &[Type], value: &TokenStream) -> TokenStream {
    let shape = suppliers.iter().zip(types).fold(quote!(::flow_sdk::mapping::Single), |shape, (supplier, ty)| {
        let other = quote!(<#supplier as ::flow_sdk::Input<#ty>>::Shape);
        quote!(<#shape as ::flow_sdk::mapping::Shape>::And<#other>)
    });
    quote!(<#shape as ::flow_sdk::mapping::Shape>::Of<#value>)
}

/// The expansion: the drawing function, and a type of the same name that holds the body and what `run` needs.
pub(crate) fn expand(options: &Options, mut function: ItemFn) -> Result<TokenStream> {
    let (Options { interval, carries, .. }, kind) = (options, options.kind());
    let parameters = Parameters::of(&function, Role { kind, told: Some("Context") })?;
    let (returned, settle) = signature::returned(&function.sig.output);
    let calls = options.calls(signature::documentation(&function.attrs), &returned);
    let Head { docs, visibility, name, id } = Head::of(&mut function);
    let texts = parameters.texts();
    let Parameters { told, names, types } = parameters;
    let suppliers: Vec<_> = (0..names.len()).map(|n| format_ident!("__Argument{n}")).collect();
    let end = Ident::new(options.end, place(&returned));
    let end = quote_spanned!(place(&returned)=> ::flow_sdk::runtime::#end(value, #interval));
    let value = quote_spanned!(place(&returned)=> <#returned as #carries>::Value);
    let carried = carried(&suppliers, &types, &value);
    let context = told.then(|| quote!(_context,));
    Ok(quote! {
        #(#docs)*
        #visibility fn #name<#(#suppliers: ::flow_sdk::Input<#types>),*>(
            #(#names: #suppliers),*
        ) -> ::flow_sdk::Output<#carried> {
            #name::draw(::std::vec![#(::flow_sdk::Input::<#types>::into_argument(#names)),*])
        }

        #[allow(non_camel_case_types, dead_code)]
        #[doc(hidden)]
        #visibility struct #name {}

        #[allow(dead_code)]
        impl #name {
            /// The task's id, unless its call is given another one or is in a group.
            pub const ID: &'static str = #id;

            const TASK: ::flow_sdk::runtime::Task = ::flow_sdk::runtime::Task {
                kind: #kind,
                id: #id,
                name: ::core::concat!(::core::module_path!(), "::", #id),
                parameters: &[#(#texts),*],
                run: |_context, mut _arguments| {
                    ::flow_sdk::runtime::#settle(Self::body(#context #(_arguments.take::<#types>()?),*))
                        .and_then(|value| #end)
                },
            };

            fn draw<T>(
                arguments: ::std::vec::Vec<::flow_sdk::Result<::flow_sdk::runtime::Supply>>,
            ) -> ::flow_sdk::Output<T> {
                ::flow_sdk::Output::draw(&Self::TASK, arguments)#calls
            }

            #[allow(clippy::needless_pass_by_value)]
            #function
        }

        ::flow_sdk::runtime::inventory::submit!(#name::TASK);
    })
}
