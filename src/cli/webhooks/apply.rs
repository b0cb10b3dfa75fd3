//! `webhooks apply`: makes Apple's side as the configuration says, step by step. Interrupted or run twice, it goes on from what is there.

use serde_json::{Value, json};

use super::{
    super::{
        Format, Outcome,
        failure::{Failure, asked},
        output,
    },
    plan,
};
use crate::{
    asc::Client,
    config::{Config, EndpointSecret},
    registration::{Plan, Step},
    secret::Secret,
};

/// Make Apple's side as the configuration says; what `webhooks plan` shows is done
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Run it as often as you like: what is right is left alone, and what is not ours is never touched.
The secret of a webhook that is there already is not changed.")]
pub(in crate::cli) struct Arguments {
    /// Look at this app too, which no endpoint is for any more. May be given more than once
    #[arg(long, value_name = "APP_ID")]
    app: Vec<String>,
    /// Delete our webhooks that no endpoint wants
    #[arg(long, requires = "yes")]
    prune: bool,
    /// Do not ask whether deleting is meant
    #[arg(long)]
    yes: bool,
    /// Change nothing: show what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let mut plan = plan::make(config, client, &arguments.app).await?;
    if arguments.dry_run {
        return plan::show(&plan, arguments.format);
    }
    let mut work = Work { config, client, done: Vec::new() };
    work.carry_out(&plan).await?;
    if arguments.prune && !plan.surplus.is_empty() {
        work.prune(&plan).await?;
        if plan.lacks_room() {
            plan = plan::make(config, client, &arguments.app).await?;
            work.carry_out(&plan).await?;
        } else {
            plan.surplus.clear();
        }
    }
    work.tell(&plan, arguments.format)
}

/// What is under way, and what is done of it.
struct Work<'a> {
    config: &'a Config,
    client: &'a Client,
    done: Vec<Value>,
}

impl Work<'_> {
    async fn carry_out(&mut self, plan: &Plan) -> Outcome {
        for step in &plan.steps {
            let secret = secret_of(self.config, step)?;
            let webhook = step.carry_out(self.client, &secret).await.map_err(|error| self.interrupted(asked(error)))?;
            let (action, did) = match step {
                Step::Create { .. } => ("create", "created"),
                Step::Change { .. } => ("change", "changed"),
            };
            output::talk(format_args!("{did} `{}` for the endpoint `{}`", webhook.id, step.endpoint()));
            self.done.push(json!({ "action": action, "endpoint": step.endpoint(), "webhook": webhook }));
        }
        Ok(())
    }

    async fn prune(&mut self, plan: &Plan) -> Outcome {
        for surplus in &plan.surplus {
            let id = &surplus.webhook.id;
            self.client.delete_webhook(id).await.map_err(|error| self.interrupted(asked(error)))?;
            output::talk(format_args!("deleted `{id}` of the app {}", surplus.app_id));
            self.done.push(json!({ "action": "delete", "webhook": surplus.webhook }));
        }
        Ok(())
    }

    fn interrupted(&self, failure: Failure) -> Failure {
        if !self.done.is_empty() {
            let done = output::count(self.done.len() as u64, "step is", "steps are");
            output::talk(format_args!("{done} done and will not be done again: run the command again to go on"));
        }
        failure
    }

    fn tell(&self, plan: &Plan, format: Format) -> Outcome {
        if format.json {
            output::json(&json!({ "done": self.done, "surplus": plan.surplus, "passed_over": plan.passed_over }))?;
        } else if self.done.is_empty() {
            output::talk("nothing to do");
        }
        if !plan.surplus.is_empty() {
            let surplus = output::count(plan.surplus.len() as u64, "surplus webhook stays", "surplus webhooks stay");
            output::talk(format_args!("{surplus}: `webhooks plan` shows why, `webhooks apply --prune --yes` deletes"));
        }
        for passed in &plan.passed_over {
            output::talk(format_args!("the endpoint `{}` was passed over: {}", passed.endpoint, passed.reason));
        }
        if plan.lacks_room() {
            let hint = "delete one that is not needed, here with `--prune`, or in App Store Connect".to_owned();
            return Err(Failure::new("an app has no room for a webhook that an endpoint needs").hint(hint));
        }
        Ok(())
    }
}

/// What a new webhook is to sign with: of the endpoint's secrets, the one that lasts longest, and of those the first.
fn secret_of(config: &Config, step: &Step) -> Result<Secret, Failure> {
    let name = step.endpoint();
    let endpoint = config.endpoints.iter().find(|endpoint| endpoint.name == *name);
    let mut secrets: Vec<&EndpointSecret> = endpoint.into_iter().flat_map(|endpoint| &endpoint.secrets).collect();
    secrets.sort_by_key(|secret| secret.not_after.map_or((0, None), |end| (1, Some(std::cmp::Reverse(end)))));
    let first = secrets.first().map(|secret| secret.secret.clone());
    first.ok_or_else(|| Failure::new(format!("the endpoint `{name}` has no secret that a webhook could sign with")))
}
