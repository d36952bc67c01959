//! Components made ready to run: from memory, from the code cache, or from the compiler, once each.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flow_model::ids::Digest;
use flow_model::inspect::{Inspection, Rejection};
use flow_model::port::BrokerError;
use lru::LruCache;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::code_cache::CodeCache;
use crate::compiler::Compiler;
use crate::engine;
use crate::fit;
use crate::guest::Guest;
use crate::inspect;
use crate::ready::Ready;

type Slot = Arc<OnceCell<Ready>>;

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
    engine: Engine,
    linker: Linker<Guest>,
    ready: Mutex<LruCache<Digest, Slot>>,
    cache: Arc<CodeCache>,
    compiler: Compiler,
}

impl Modules {
    /// Keeps at most `in_memory` components ready.
    pub(crate) fn new(linker: Linker<Guest>, cache: CodeCache, compiler: Compiler, in_memory: NonZeroUsize) -> Self {
        Self {
            engine: linker.engine().clone(),
            linker,
            ready: Mutex::new(LruCache::new(in_memory)),
            cache: Arc::new(cache),
            compiler,
        }
    }

    /// How many cache entries were not trusted.
    pub(crate) fn quarantined(&self) -> u64 {
        self.cache.quarantined()
    }

    /// The component `digest`, ready; `fetch` is awaited only if neither it nor its code is at hand.
    pub(crate) async fn get(
        &self,
        digest: Digest,
        fetch: impl Future<Output = Result<Bytes, BrokerError>>,
    ) -> Result<Ready, LoadError> {
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
        // Attempts that come meanwhile wait for this one; if it fails or is given up, the next tries.
        let ready = self.slot(digest).get_or_try_init(|| load).await.cloned();
        ready.inspect_err(|_| self.forget_unready(&digest))
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
        let ready = self.slot(digest).get_or_try_init(|| load).await.cloned();
        let ready = ready.inspect_err(|_| self.forget_unready(&digest))?;
        let (imports, exports) = names(ready.component());
        Ok(Inspection { digest, size, imports, exports, compile_ms })
    }

    fn slot(&self, digest: Digest) -> Slot {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ready.get_or_insert(digest, Slot::default))
    }

    /// Makes room again for components that are of use.
    fn forget_unready(&self, digest: &Digest) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.peek(digest).is_some_and(|slot| !slot.initialized()) {
            ready.pop(digest);
        }
    }

    async fn cached(&self, digest: Digest) -> Option<Ready> {
        let (cache, engine) = (Arc::clone(&self.cache), self.engine.clone());
        let load = move || cache.get(&digest).map(|code| code.load(&engine));
        let loaded = spawn_blocking(load).await.ok()??;
        match loaded.map_err(|error| error.to_string()).and_then(|it| self.link(&it).map_err(|error| error.to_string()))
        {
            Ok(ready) => Some(ready),
            Err(why) => {
                self.cache.quarantine(&digest, &why);
                None
            }
        }
    }

    async fn compile(&self, digest: Digest, wasm: Bytes) -> Result<(Ready, u64), Rejection> {
        inspect::first_look(&wasm, self.compiler.limits().component_bytes)?;
        let compiled = self.compiler.compile(wasm).await?;
        let (cache, engine) = (Arc::clone(&self.cache), self.engine.clone());
        let load = move || {
            let code = cache.vouch(&digest, &compiled.code);
            code.load(&engine).map(|component| (code, component))
        };
        let (code, component) = spawn_blocking(load).await.map_err(stopping)?.map_err(|error| not_loaded(&error))?;
        let ready = self.link(&component)?;
        // Kept only now, so that what is refused takes no room.
        let cache = Arc::clone(&self.cache);
        spawn_blocking(move || cache.put(&digest, &code)).await.map_err(stopping)?;
        Ok((ready, compiled.millis))
    }

    /// Resolves a component's imports and exports against the contract.
    fn link(&self, component: &Component) -> Result<Ready, Rejection> {
        let wrong = |error: wasmtime::Error| Rejection::WrongSignature(format!("{error:#}"));
        let linked = self.linker.instantiate_pre(component).map_err(wrong)?;
        fit::check_exports(component).map_err(wrong)?;
        Ready::new(linked).map_err(wrong)
    }
}

/// Why code that was compiled just now does not load: a slot of the pool cannot hold it, or the compile child is not
/// of this host's version.
fn not_loaded(error: &wasmtime::Error) -> Rejection {
    if format!("{error:#}").contains("pooling allocator") {
        return Rejection::TooDemanding(error.root_cause().to_string());
    }
    tracing::error!(error = format!("{error:#}"), "compiled code does not load");
    Rejection::Unavailable("its compiled code does not load".into())
}

fn stopping(_: tokio::task::JoinError) -> Rejection {
    Rejection::Unavailable("the host is stopping".into())
}

fn names(component: &Component) -> (Vec<String>, Vec<String>) {
    let outline = component.component_type();
    let engine = component.engine();
    let imports = outline.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let exports = outline.exports(engine).map(|(name, _)| name.to_owned()).collect();
    (imports, exports)
}
