//! What opens GitHub: a token as it is configured, or one that an App is granted for an hour.
//!
//! An App proves itself with a JSON Web Token, signed with RS256 by its private key, and is given a token for its installation
//! ([authenticating as an installation](https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation)).
//! That one is used until it is about to expire, or GitHub takes it no more. It is asked for one repository only.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use rustls::{
    SignatureScheme,
    crypto::ring::sign::RsaSigningKey,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    sign::SigningKey as _,
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::api::{Api, Asked};
use crate::{
    handler::{HandlerError, SectionError},
    secret::Secret,
};

/// How far the start of an App's own token is set back, for a clock of GitHub's that is behind ours.
const BACKDATED: i64 = 60;

/// How long an App's own token lasts, in seconds. GitHub allows ten minutes.
const LIFETIME: i64 = 540;

/// How long before its end a granted token is no longer used, so that none expires on the way.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// What opens GitHub.
pub(super) enum Access {
    /// A token of a person or of one repository.
    Token(Secret),
    /// An installation of an App.
    App(App),
}

/// An installation of an App, and the token that it was granted last.
pub(super) struct App {
    id: String,
    installation: String,
    // The key speaks RSA through the TLS library, which is here anyway.
    key: Arc<RsaSigningKey>,
    granted: Mutex<Option<Granted>>,
}

struct Granted {
    token: Secret,
    renew_at: Timestamp,
}

/// What GitHub answers an App.
#[derive(Deserialize)]
struct Grant {
    token: Secret,
    expires_at: Timestamp,
}

impl Access {
    /// Reads a token, which goes into a header.
    pub(super) fn token(token: &Secret) -> Result<Self, SectionError> {
        let token = token.expose().trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SectionError::new("token", "found another text, expected a token, such as `github_pat_…`"));
        }
        Ok(Self::Token(Secret::new(token)))
    }

    /// Reads an App's key, which GitHub hands out as PEM.
    pub(super) fn app(id: &str, installation: &str, key: &Secret) -> Result<Self, SectionError> {
        let wrong = |found: &str| {
            let expected = "expected the text of the `.pem` file that GitHub lets you download for the App";
            SectionError::new("private_key", format!("found {found}, {expected}"))
        };
        let der = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| wrong("a text without a key"))?;
        let key = RsaSigningKey::new(&der).map_err(|_| wrong("a key that is not for RSA"))?;
        let (id, installation) = (id.to_owned(), installation.to_owned());
        Ok(Self::App(App { id, installation, key: Arc::new(key), granted: Mutex::default() }))
    }

    /// The token to use now.
    pub(super) async fn current(&self, api: &Api) -> Result<Secret, HandlerError> {
        let app = match self {
            Self::Token(token) => return Ok(token.clone()),
            Self::App(app) => app,
        };
        // Held while GitHub is asked, so that many events at once ask once.
        let mut granted = app.granted.lock().await;
        match &*granted {
            Some(granted) if api.now() < granted.renew_at => Ok(granted.token.clone()),
            _ => {
                let Grant { token, expires_at } = app.ask(api).await?;
                let renew_at = expires_at.saturating_sub(RENEWED_BEFORE).unwrap_or(expires_at);
                *granted = Some(Granted { token: token.clone(), renew_at });
                Ok(token)
            }
        }
    }

    /// Drops a token that GitHub does not take, if it is still the one to use. Whether another can be had.
    pub(super) async fn forget(&self, refused: &Secret) -> bool {
        let Self::App(app) = self else { return false };
        // Many events bear one token at once: who comes later with the old one must not throw away the one that was granted since.
        app.granted.lock().await.take_if(|granted| granted.token.expose() == refused.expose());
        true
    }
}

impl App {
    async fn ask(&self, api: &Api) -> Result<Grant, HandlerError> {
        let ask = Asked {
            method: Method::POST,
            path: &["app", "installations", &self.installation, "access_tokens"],
            query: &[],
            body: Some(json!({ "repositories": [api.repository_name()] })),
            needs: "the App must be installed for the repository",
        };
        let answer = api.ask_with(&self.proof(api.now())?, ask).await?;
        serde_json::from_value(answer).map_err(|_| HandlerError::retry("GitHub granted something that is no token"))
    }

    /// The App's own token.
    fn proof(&self, now: Timestamp) -> Result<Secret, HandlerError> {
        let start = now.as_second() - BACKDATED;
        let claims = json!({ "iat": start, "exp": start + LIFETIME, "iss": self.id });
        let encoded = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encoded(&json!({ "alg": "RS256", "typ": "JWT" })), encoded(&claims));
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
        let signer = signer.ok_or_else(|| HandlerError::reject("the App's key cannot sign with RS256"))?;
        let signature = signer.sign(text.as_bytes()).map_err(HandlerError::reject)?;
        Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}
