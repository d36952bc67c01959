//! The installation's Ed25519 keys: the newest signs, all verify, and their public halves are published as a JWKS.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flow_broker::{PublicKey, SigningKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};

/// The keys of one moment.
pub(crate) struct Keyring {
    newest: String,
    signer: EncodingKey,
    verifiers: BTreeMap<String, DecodingKey>,
    jwks: Value,
}

impl Keyring {
    /// A keyring that signs with `signing` and accepts what the `public` keys verify.
    pub(crate) fn new(signing: &SigningKey, public: &[PublicKey]) -> Self {
        let verifiers = public.iter().map(|key| (key.kid.clone(), DecodingKey::from_ed_der(&key.bytes))).collect();
        let published: Vec<Value> = public
            .iter()
            .map(|key| {
                json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                    "kid": key.kid, "x": URL_SAFE_NO_PAD.encode(&key.bytes),
                })
            })
            .collect();
        Self {
            newest: signing.kid.clone(),
            signer: EncodingKey::from_ed_der(&signing.pkcs8),
            verifiers,
            jwks: json!({ "keys": published }),
        }
    }

    /// The key that this `kid` selects.
    pub(super) fn verifier(&self, kid: &str) -> Option<&DecodingKey> {
        self.verifiers.get(kid)
    }

    /// The public keys, as `/.well-known/jwks.json` shows them.
    pub(crate) fn jwks(&self) -> &Value {
        &self.jwks
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header { kid: Some(self.newest.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.signer)
    }
}
