//! A sandbox in another process, told what to do through its buttons.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::{Url, form_urlencoded};

use super::super::{failure::Failure, given::address};
use crate::http_client::{HttpClient, Outgoing, Reach, Unanswered};

/// How long an answer may take. A step waits for every receiver, one after another.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Place {
    /// Where the sandbox is
    #[arg(long, value_name = "URL", value_parser = address, default_value = "http://127.0.0.1:8089")]
    url: Url,
}

#[derive(Debug)]
pub(super) struct Remote {
    client: HttpClient,
    url: Url,
}

/// A step that was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Step {
    pub(in crate::cli) kind: String,
    pub(in crate::cli) event_id: String,
    pub(in crate::cli) summary: String,
    pub(in crate::cli) deliveries: Vec<Delivery>,
    pub(in crate::cli) last: bool,
}

/// A delivery, as the sandbox recorded it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Delivery {
    pub(in crate::cli) id: String,
    pub(in crate::cli) webhook: String,
    pub(in crate::cli) kind: String,
    pub(in crate::cli) event_id: String,
    pub(in crate::cli) redelivery: bool,
    pub(in crate::cli) state: String,
    pub(in crate::cli) status: Option<u16>,
    pub(in crate::cli) error: Option<String>,
}

/// What comes in a list.
#[derive(Debug, Deserialize)]
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
}

#[derive(Deserialize)]
struct Mistake {
    error: String,
}

impl Place {
    pub(super) fn connect(&self) -> Result<Remote, Failure> {
        Ok(Remote { client: Outgoing::new(None)?.client(Reach::Everywhere)?, url: self.url.clone() })
    }
}

impl Remote {
    /// Asks for what there is at a path.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(Method::GET, path, String::new()).await
    }

    /// Presses a button. Fields without a value are left out.
    pub(super) async fn press<T: DeserializeOwned>(&self, path: &str, fields: &[(&str, Option<String>)]) -> Result<T, Failure> {
        let given = fields.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        self.ask(Method::POST, path, form).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, form: String) -> Result<T, Failure> {
        let request = self.client.request(method, self.url.join(path)?)?.timeout(PATIENCE);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = request.send().await.map_err(|error| self.unreachable(Unanswered::from(error).into()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.unreachable(Unanswered::from(error).into()))?;
        if status == StatusCode::OK {
            return serde_json::from_str(&text).map_err(|_| self.no_sandbox(status));
        }
        match serde_json::from_str(&text) {
            Ok(Mistake { error }) if status == StatusCode::NOT_FOUND => Err(Failure::not_found(error)),
            Ok(Mistake { error }) => Err(Failure::new(error)),
            Err(_) => Err(self.no_sandbox(status)),
        }
    }

    fn unreachable(&self, error: anyhow::Error) -> Failure {
        Failure::unreachable(error.context(format!("cannot reach a sandbox at `{}`", self.url)))
            .hint("`asc-webhooks sandbox` starts one; `--url` says where another is".to_owned())
    }

    fn no_sandbox(&self, status: StatusCode) -> Failure {
        let what = format!("there is something else than a sandbox at `{}`: it answered {}", self.url, status.as_u16());
        Failure::unreachable(anyhow::Error::msg(what)).hint("`--url` says where the sandbox is".to_owned())
    }
}
