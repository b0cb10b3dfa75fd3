//! `webhooks plan`: how Apple's side differs from the configuration.

use serde_json::json;

use super::{
    super::{
        Format, Outcome,
        failure::{Failure, asked},
        output, vault,
    },
    loss,
};
use crate::{
    asc::Client,
    config::Config,
    registration::{self, Plan, Step, Unproven},
    vault::Vault,
};

/// Show how the webhooks that Apple has differ from the configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ours is what posts below `server.public_url` or bears `registration.name_prefix`; of others only the number is shown.
Ends with 0 if nothing differs, and with 5 if something does.")]
pub(in crate::cli) struct Arguments {
    /// Look at this app too, which no endpoint is for any more. May be given more than once
    #[arg(long, value_name = "APP_ID")]
    app: Vec<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(config: &Config, client: &Client, arguments: &Arguments) -> Outcome {
    let plan = make(config, client, managed(config)?.as_ref(), &arguments.app).await?;
    show(config, &plan, arguments.format)?;
    if plan.differs() { Err(Failure::differs()) } else { Ok(()) }
}

/// Looks at Apple's side, and compares.
pub(super) async fn make(config: &Config, client: &Client, vault: Option<&Vault>, also: &[String]) -> Result<Plan, Failure> {
    if config.server.public_url.is_none() {
        return Err(no_public_url(registration::NoPublicUrl));
    }
    let side = registration::look(config, client, also).await.map_err(asked)?;
    let unproven = match vault {
        Some(vault) => registration::unproven(config, vault).await?,
        None => Unproven::new(),
    };
    Plan::new(config, &side, &unproven).map_err(no_public_url)
}

/// The vault, if an endpoint has managed secrets.
pub(super) fn managed(config: &Config) -> Result<Option<Vault>, Failure> {
    let is_needed = config.endpoints.iter().any(|endpoint| endpoint.managed_secrets);
    is_needed.then(|| vault(config).map(|(_, vault)| vault)).transpose()
}

/// Shows a plan.
pub(super) fn show(config: &Config, plan: &Plan, format: Format) -> Outcome {
    if format.json {
        let mut document = json!(plan);
        document["differs"] = plan.differs().into();
        return Ok(output::json(&document)?);
    }
    output::line(table(plan))?;
    output::talk(summary(plan));
    if !plan.surplus.is_empty() {
        let loss = loss(config, plan.surplus.iter().map(|surplus| &surplus.webhook));
        output::talk(format_args!("`webhooks apply --prune` deletes what is surplus; {loss}"));
    }
    Ok(())
}

/// The plan as a table.
pub(in crate::cli) fn table(plan: &Plan) -> String {
    let row = |what: &str, endpoint: &str, app: &str, webhook: &str, details: String| {
        vec![what.to_owned(), endpoint.to_owned(), app.to_owned(), webhook.to_owned(), details]
    };
    let steps = plan.steps.iter().flat_map(|step| match step {
        Step::Create { endpoint, app_id, url, events, .. } => {
            let events = output::count(events.len() as u64, "event type", "event types");
            vec![row("create", endpoint, app_id, "", format!("`{url}`, {events}"))]
        }
        Step::Change { endpoint, app_id, webhook, differences } => {
            differences.iter().map(|one| row("change", endpoint, app_id, &webhook.id, one.to_string())).collect()
        }
    });
    let surplus = plan.surplus.iter().map(|surplus| {
        let called = surplus.webhook.name.as_deref().map(|name| format!("`{}`: ", output::short(name))).unwrap_or_default();
        row("surplus", "", &surplus.app_id, &surplus.webhook.id, format!("{called}{}", surplus.why))
    });
    let right = plan.right.iter().map(|right| row("right", &right.endpoint, &right.app_id, &right.webhook.id, String::new()));
    let passed = plan.passed_over.iter().map(|passed| row("not planned", &passed.endpoint, "", "", passed.reason.to_string()));
    output::table(&["what", "endpoint", "app", "webhook", "details"], steps.chain(surplus).chain(right).chain(passed))
}

/// The plan in one line.
pub(in crate::cli) fn summary(plan: &Plan) -> String {
    let creates = plan.steps.iter().filter(|step| matches!(step, Step::Create { .. })).count();
    let numbers = [
        (creates, "to create"),
        (plan.steps.len() - creates, "to change"),
        (plan.surplus.len(), "surplus"),
        (plan.right.len(), "right"),
    ];
    let mut words: Vec<String> =
        numbers.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    if plan.foreign > 0 {
        let foreign = output::count(plan.foreign as u64, "webhook of somebody else", "webhooks of somebody else");
        words.push(format!("{foreign}, left alone"));
    }
    if words.is_empty() { "nothing to plan".to_owned() } else { words.join(", ") }
}

fn no_public_url(error: registration::NoPublicUrl) -> Failure {
    Failure::from(error)
        .hint("write `public_url = \"https://…\"` into `[server]`: the address under which Apple reaches it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        asc::webhook::Webhook,
        registration::{Difference, PassedOver, Reason, Right, Surplus, Why},
    };

    fn webhook(id: &str, name: &str) -> Webhook {
        let (id, name) = (id.to_owned(), Some(name.to_owned()));
        Webhook { id, name, url: None, enabled: Some(true), events: None, app_id: None }
    }

    #[test]
    fn a_plan_reads_well() {
        let app_id = || "6700000001".to_owned();
        let create = Step::Create {
            endpoint: "my-app".into(),
            app_id: app_id(),
            name: "my-app".to_owned(),
            url: "https://hooks.example.com/apple/my-app".parse().unwrap(),
            events: vec!["BUILD_UPLOAD_STATE_UPDATED".into()],
        };
        let renamed = Difference::Name { found: Some("theirs".to_owned()), wanted: "lantern".to_owned() };
        let differences = vec![Difference::Disabled, renamed];
        let change = Step::Change { endpoint: "lantern".into(), app_id: app_id(), webhook: webhook("w1", "theirs"), differences };
        let plan = Plan {
            steps: vec![create, change],
            surplus: vec![Surplus { app_id: app_id(), webhook: webhook("w2", "old"), why: Why::Address }],
            passed_over: vec![PassedOver { endpoint: "bare".into(), reason: Reason::NoApp }],
            right: vec![Right { endpoint: "harbor".into(), app_id: app_id(), webhook: webhook("w3", "harbor") }],
            foreign: 2,
        };
        insta::assert_snapshot!("webhooks_plan", format!("{}\n\n{}", table(&plan), summary(&plan)));
        assert_eq!(summary(&Plan::default()), "nothing to plan");
    }
}
