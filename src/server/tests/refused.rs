//! What is counted and known of requests, refused ones above all.

use super::*;

impl Bench {
    /// Another receiver on the same store, as after a restart.
    fn receiver_anew(&self) -> Arc<Receiver> {
        let intake = Arc::new(Intake::new(self.store.clone(), Routes::new(Vec::new()), self.clock.clone(), Arc::default()));
        Receiver::new(&[endpoint("/app", SECRET)], &limits(), intake, self.store.clone(), self.clock.clone(), &self.shutdown)
    }
}

#[tokio::test]
async fn what_is_refused_is_known_and_what_failed_before_matters() {
    let bench = Bench::new();
    let forged = || post("/app", &[&signed_by("another secret of these tests", &notification("a"))], notification("a"));
    for _ in 0..5 {
        bench.ask(forged()).await.is(401, UNAUTHORIZED);
    }
    let refusals = bench.receiver.refusals();
    assert_eq!(refusals.failing(), [], "nothing has ever matched");
    bench.ask(signed(notification("a"))).await.is(200, OK);
    for _ in 0..3 {
        bench.ask(forged()).await;
        bench.ask(signed(notification("a"))).await.is(200, OK);
    }
    assert_eq!(refusals.failing().len(), 1, "what is known already may be a copy that somebody sends again");
    bench.ask(signed(notification("b"))).await.is(200, OK);
    assert_eq!(refusals.failing(), []);
    let rows = refusals.rows(|_| true, None, 9);
    assert_eq!((rows.len(), rows[0].reason, rows[0].count), (1, "wrong", 8));
}

#[tokio::test]
async fn what_worked_before_the_start_counts() {
    let bench = Bench::new();
    bench.ask(signed(notification("a"))).await.is(200, OK);
    let again = Bench { receiver: bench.receiver_anew(), ..bench };
    again.receiver.recall().await.unwrap();
    for _ in 0..3 {
        again.ask(post("/app", &[&signed_by("another secret of these tests", &notification("b"))], notification("b"))).await;
    }
    assert_eq!(again.receiver.refusals().failing().len(), 1);
}

#[test]
fn every_answer_is_counted() {
    let shown = metrics::tests::scrape_after(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            bench.ask(signed(notification("a"))).await;
            bench.ask(signed(notification("a"))).await;
            bench.ask(post("/app", &[], "")).await;
            bench.ask(post("/app", &["nonsense"], "")).await;
            bench.ask(post("/app", &[], vec![0; MAX_BODY + 1])).await;
            bench.ask(post("/a path that an attacker made up".replace(' ', "-").as_str(), &[], "")).await;
            bench.store.becomes(Mood::Fails(StoreError::Full("no room".to_owned())));
            bench.ask(signed(notification("b"))).await;
        });
    });
    let mut counted: Vec<_> = shown.lines().filter(|line| line.contains("_total{") && !line.ends_with(" 0")).collect();
    counted.sort_unstable();
    insta::assert_snapshot!(counted.join("\n"));
}
