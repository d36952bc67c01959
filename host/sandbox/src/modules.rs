//! Components made ready to run: from memory, from the code cache, or from the compiler, once each.

use std::sync::Arc;

use bytes::Bytes;
use flow_model::ids::Digest;
use flow_model::inspect::{Inspection, Rejection};
use flow_model::port::BrokerError;
use tokio::task::spawn_blocking;
use wasmtime::component::Component;

use crate::class::{Class, Classes, exceeds_slot};
use crate::code_cache::CodeCache;
use crate::compiler::Compiler;
use crate::engine;
use crate::fit;
use crate::inspect;
use crate::ready::Ready;
use crate::shelf::{Place, Shelf};

/// Why a component could not be made ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The broker did not hand it out.
    #[error("the module could not be fetched: {0}")]
    Fetch(#[from] BrokerError),
    /// The broker handed out something else.
    #[error("the module that was fetched is not the one that was asked for")]
    WrongBytes,
    /// It is not a component that runs here.
    #[error("{0}")]
    Rejected(#[from] Rejection),
}

/// All components that this process knows.
pub(crate) struct Modules {
    classes: Arc<Classes>,
    shelf: Shelf,
    cache: Arc<CodeCache>,
    compiler: Compiler,
}

impl Modules {
    /// Keeps components ready on `shelf` and their code in `cache`.
    pub(crate) fn new(classes: Classes, shelf: Shelf, cache: CodeCache, compiler: Compiler) -> Self {
        Self { classes: Arc::new(classes), shelf, cache: Arc::new(cache), compiler }
    }

    /// What is kept ready, and what is kept on disk.
    pub(crate) fn keeps(&self) -> (&Shelf, &CodeCache) {
        (&self.shelf, &self.cache)
    }

    /// The component `digest`, ready; `fetch` is awaited only if neither it nor its code is at hand.
    pub(crate) async fn get(
        &self,
        digest: Digest,
        fetch: impl Future<Output = Result<Bytes, BrokerError>>,
    ) -> Result<Arc<Ready>, LoadError> {
        let place = self.shelf.place(digest);
        if let Some(ready) = place.get() {
            return Ok(Arc::clone(ready));
        }
        let load = async {
            if let Some(ready) = self.cached(digest).await {
                return Ok(ready);
            }
            let wasm = fetch.await?;
            if engine::sha256(&wasm) != digest.0 {
                return Err(LoadError::WrongBytes);
            }
            Ok(self.compile(digest, wasm).await?.0)
        };
        // On the heap for as long as it takes: an attempt that runs should not be the larger for what few need to do.
        Box::pin(self.fill(place, load)).await
    }

    /// Brings a component to its place, if it is not there yet.
    async fn fill<E>(&self, place: Place, load: impl Future<Output = Result<Arc<Ready>, E>>) -> Result<Arc<Ready>, E> {
        // Attempts that come meanwhile wait for this one; if it fails or is given up, the next tries.
        let ready = place.get_or_try_init(|| load).await.cloned();
        drop(place);
        self.shelf.tidy();
        ready
    }

    /// Checks an uploaded component, compiles it and makes it ready.
    pub(crate) async fn admit(&self, wasm: Bytes) -> Result<Inspection, Rejection> {
        inspect::first_look(&wasm, self.compiler.limits().component_bytes)?;
        let size = u64::try_from(wasm.len()).unwrap_or(u64::MAX);
        let digest = Digest(engine::sha256(&wasm));
        let mut compile_ms = 0;
        let load = async {
            if let Some(ready) = self.cached(digest).await {
                return Ok(ready);
            }
            let (ready, millis) = self.compile(digest, wasm).await?;
            compile_ms = millis;
            Ok(ready)
        };
        let ready = self.fill(self.shelf.place(digest), load).await?;
        let (imports, exports) = names(ready.component());
        Ok(Inspection { digest, size, imports, exports, compile_ms })
    }

    async fn cached(&self, digest: Digest) -> Option<Arc<Ready>> {
        let (cache, classes) = (Arc::clone(&self.cache), Arc::clone(&self.classes));
        let load = move || {
            let code = cache.get(&digest)?;
            let ready = classes.load(&code).map_err(|error| error.to_string());
            let ready = ready.and_then(|(class, component)| link(class, &component).map_err(|error| error.to_string()));
            ready.inspect_err(|why| cache.quarantine(&digest, why)).ok()
        };
        spawn_blocking(load).await.ok()?
    }

    async fn compile(&self, digest: Digest, wasm: Bytes) -> Result<(Arc<Ready>, u64), Rejection> {
        inspect::first_look(&wasm, self.compiler.limits().component_bytes)?;
        let compiled = self.compiler.compile(wasm).await?;
        let (cache, classes) = (Arc::clone(&self.cache), Arc::clone(&self.classes));
        let load = move || {
            let code = cache.vouch(&digest, &compiled.code);
            let (class, component) = classes.load(&code).map_err(|error| not_loaded(&error))?;
            let ready = link(class, &component)?;
            // Kept only now, so that what is refused takes no room.
            cache.put(&digest, &code);
            Ok((ready, compiled.millis))
        };
        spawn_blocking(load).await.map_err(|_| Rejection::Unavailable("the host is stopping".into()))?
    }
}

/// Resolves a component's imports and exports against the contract.
fn link(class: Arc<Class>, component: &Component) -> Result<Arc<Ready>, Rejection> {
    let wrong = |error: wasmtime::Error| Rejection::WrongSignature(format!("{error:#}"));
    let linked = class.link(component).map_err(wrong)?;
    fit::check_exports(component).map_err(wrong)?;
    Ok(Arc::new(Ready::new(class, linked).map_err(wrong)?))
}

/// Why code that was compiled just now does not load: a slot of the pool cannot hold it, or the compile child is not
/// of this host's version.
fn not_loaded(error: &wasmtime::Error) -> Rejection {
    if exceeds_slot(error) {
        return Rejection::TooDemanding(error.root_cause().to_string());
    }
    tracing::error!(error = format!("{error:#}"), "compiled code does not load");
    Rejection::Unavailable("its compiled code does not load".into())
}

fn names(component: &Component) -> (Vec<String>, Vec<String>) {
    let outline = component.component_type();
    let engine = component.engine();
    let imports = outline.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let exports = outline.exports(engine).map(|(name, _)| name.to_owned()).collect();
    (imports, exports)
}
