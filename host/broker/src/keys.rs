//! The keys that tokens are signed with, and the change of the master key that seals them and the tenants' data keys.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use flow_model::time::Millis;
use flow_model::token::MAX_LIFE;
use flow_store::key;
use serde_json::json;

use crate::audit;
use crate::error::{PlatformActor, ServiceError};
use crate::local::LocalBroker;
use crate::secrets::{Place, short_id};

/// The public half of a key that tokens are or were signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Its id.
    pub kid: String,
    /// Its 32 bytes.
    pub bytes: Vec<u8>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ceased to sign; what it signed before stays valid.
    pub retired_at: Option<Millis>,
}

/// The key that signs now.
pub struct SigningKey {
    /// Its id.
    pub kid: String,
    /// Both halves, as PKCS#8 in DER.
    pub pkcs8: Vec<u8>,
}

impl From<key::SigningKey> for PublicKey {
    fn from(key: key::SigningKey) -> Self {
        Self {
            kid: key.kid,
            bytes: key.public_key,
            created_at: Millis(key.created_at),
            retired_at: key.retired_at.map(Millis),
        }
    }
}

impl LocalBroker {
    /// The key that signs now.
    pub async fn signing_key(&self) -> Result<SigningKey, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let keys = key::signing_keys(&mut db).await?;
        let newest = keys.into_iter().find(|key| key.retired_at.is_none()).ok_or(ServiceError::Internal)?;
        let place = Place::SigningKey(&newest.kid);
        let seed = self.inner.secrets.open_under(&newest.master_kid, &place, &newest.private_sealed)?;
        Ok(SigningKey { pkcs8: pkcs8(&key_pair(&seed)?)?, kid: newest.kid })
    }

    /// The public halves of all keys whose tokens are valid, newest first.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(key::signing_keys(&mut db).await?.into_iter().map(PublicKey::from).collect())
    }

    /// Makes a new key to sign with. Tokens that were signed with the former one stay valid until they expire.
    pub async fn rotate_signing_key(&self, actor: &PlatformActor) -> Result<PublicKey, ServiceError> {
        let now = self.now();
        let key = self.new_signing_key(now)?;
        let mut tx = self.inner.store.begin("rotate signing key").await?;
        key::retire_signing_keys(&mut tx, now).await?;
        key::forget_signing_keys(&mut tx, now.before(MAX_LIFE)).await?;
        key::insert_signing_key(&mut tx, &key).await?;
        audit::note_platform(&mut tx, actor, now, "rotate_signing_key", &json!({"kid": key.kid}))?;
        tx.commit().await?;
        Ok(key.into())
    }

    /// Makes the first key to sign with, if there is none.
    pub(crate) async fn ensure_signing_key(&self) -> Result<(), ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("ensure signing key").await?;
        if key::signing_keys(&mut tx).await?.iter().all(|key| key.retired_at.is_some()) {
            key::insert_signing_key(&mut tx, &self.new_signing_key(now)?).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Seals anew what is sealed under a former master key, and refuses to go on if one is not at hand.
    pub(crate) async fn adopt_master_key(&self) -> Result<(), ServiceError> {
        let secrets = &self.inner.secrets;
        let refused = |error| {
            ServiceError::conflict("master key", format!("{error}; start with that key, or give it as a former one"))
        };
        let mut tx = self.inner.store.begin("adopt master key").await?;
        for old in key::data_keys_not_under(&mut tx, secrets.master_kid()).await? {
            let new = secrets.rewrap(&old).map_err(refused)?;
            key::rewrap_data_key(&mut tx, &new).await?;
        }
        for old in key::signing_keys(&mut tx).await? {
            if old.master_kid != secrets.master_kid() {
                let place = Place::SigningKey(&old.kid);
                let seed = secrets.open_under(&old.master_kid, &place, &old.private_sealed).map_err(refused)?;
                let sealed = secrets.seal_under_master(&place, &seed);
                key::reseal_signing_key(&mut tx, &old.kid, secrets.master_kid(), &sealed).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    fn new_signing_key(&self, now: Millis) -> Result<key::SigningKey, ServiceError> {
        let seed: [u8; 32] = self.inner.random();
        let public_key = key_pair(&seed)?.public_key().as_ref().to_vec();
        let kid = short_id(&public_key);
        Ok(key::SigningKey {
            private_sealed: self.inner.secrets.seal_under_master(&Place::SigningKey(&kid), &seed),
            master_kid: self.inner.secrets.master_kid().to_owned(),
            kid,
            public_key,
            created_at: now.0,
            retired_at: None,
        })
    }
}

fn key_pair(seed: &[u8]) -> Result<Ed25519KeyPair, ServiceError> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|error| {
        tracing::error!(%error, "a signing key is damaged");
        ServiceError::Internal
    })
}

fn pkcs8(pair: &Ed25519KeyPair) -> Result<Vec<u8>, ServiceError> {
    pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()).map_err(|_| ServiceError::Internal)
}
