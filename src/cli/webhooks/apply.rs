//! `webhooks apply`: makes Apple's side as the configuration says, step by step. Interrupted or run twice, it goes on from what is there.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{
        Format, Outcome,
        change::Consent,
        failure::{Failure, asked},
        output, registered,
    },
    loss, plan,
};
use crate::{
    asc::{Client, webhook::Webhook},
    config::Config,
    registration::{self, NotAccepted, Plan, Step},
    vault::Vault,
};

/// Make Apple's side as the configuration says; what `webhooks plan` shows is done
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Run it as often as you like: what is right is left alone, and what is not ours is never touched.
The secret of a webhook that is there already is not changed, unless the program manages it and
Apple was never given it.")]
pub(in crate::cli) struct Arguments {
    /// Look at this app too, which no endpoint is for any more. May be given more than once
    #[arg(long, value_name = "APP_ID")]
    app: Vec<String>,
    /// Delete our webhooks that no endpoint wants
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    consent: Consent,
    /// Change nothing: show what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let vault = plan::managed(config)?;
    let mut plan = plan::make(config, client, vault.as_ref(), &arguments.app).await?;
    if arguments.dry_run {
        plan::show(config, &plan, arguments.format)?;
        let is_done = !plan.steps.is_empty() || (arguments.prune && !plan.surplus.is_empty());
        output::talk(if is_done {
            "nothing was changed: without `--dry-run`, Apple's side is made so; what is surplus is deleted with `--prune` only"
        } else {
            "nothing was changed, and without `--dry-run` nothing would be"
        });
        return Ok(());
    }
    if arguments.prune && !plan.surplus.is_empty() {
        if !arguments.consent.yes {
            output::talk(loss(config, plan.surplus.iter().map(|surplus| &surplus.webhook)));
        }
        let surplus = output::count(plan.surplus.len() as u64, "webhook", "webhooks");
        arguments.consent.obtain(&format!("delete {surplus} that `webhooks plan` shows as surplus"))?;
    }
    let mut work = Work { config, client, vault: vault.as_ref(), done: Vec::new() };
    work.carry_out(&plan).await?;
    if arguments.prune && !plan.surplus.is_empty() {
        work.prune(&plan).await?;
        if plan.lacks_room() {
            plan = plan::make(config, client, vault.as_ref(), &arguments.app).await?;
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
    vault: Option<&'a Vault>,
    done: Vec<Value>,
}

impl Work<'_> {
    async fn carry_out(&mut self, plan: &Plan) -> Outcome {
        for step in &plan.steps {
            let webhook = self.carry_out_one(step).await.map_err(|failure| self.interrupted(failure))?;
            let (action, did) = match step {
                Step::Create { .. } => ("create", "created"),
                Step::Change { .. } => ("change", "changed"),
            };
            output::talk(format_args!("{did} `{}` for the endpoint `{}`", webhook.id, step.endpoint()));
            self.done.push(json!({ "action": action, "endpoint": step.endpoint(), "webhook": webhook }));
        }
        Ok(())
    }

    async fn carry_out_one(&self, step: &Step) -> Result<Webhook, Failure> {
        let endpoint = self.config.endpoints.iter().find(|endpoint| endpoint.name == *step.endpoint());
        let endpoint = endpoint.ok_or_else(|| Failure::not_found(format!("there is no endpoint `{}`", step.endpoint())))?;
        let Some(vault) = self.vault.filter(|_| endpoint.managed_secrets) else {
            return step.carry_out(self.client, async || registered::secret_of(endpoint)).await?.map_err(asked);
        };
        let mut handed_over = None;
        let managed = async || {
            let managed = registration::to_hand_over(vault, &endpoint.name).await.map_err(not_accepted)?;
            handed_over = Some(managed.label);
            Ok(managed.secret)
        };
        let webhook = step.carry_out::<Failure>(self.client, managed).await?.map_err(asked)?;
        if let Some(label) = handed_over {
            vault.settle(&endpoint.name, &label, Duration::ZERO).await?;
        }
        Ok(webhook)
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
            output::talk(format_args!("{surplus}: `webhooks plan` shows why, `webhooks apply --prune` deletes"));
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

/// What to do when a running server would refuse a secret, or none is running.
pub(super) fn not_accepted(error: NotAccepted) -> Failure {
    let hint = matches!(error, NotAccepted::NoServer).then(|| "start it with `asc-webhooks serve`, then run this again".to_owned());
    Failure::unreachable(error).hint(hint)
}
