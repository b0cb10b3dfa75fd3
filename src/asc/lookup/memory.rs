//! What was asked not long ago, and by many: the same app stands behind a thousand events.
//!
//! An answer is remembered for a while, also the answer that there is nothing. Those who want the same at the same time share one
//! request; if whoever asks gives up, the next goes on. What goes wrong is not remembered.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

/// How many answers are remembered at the most.
const MOST: usize = 512;

/// Answers by the id of what they are about.
#[derive(Debug)]
pub(super) struct Memory<T> {
    lasts: Duration,
    answers: Mutex<HashMap<String, Remembered<T>>>,
}

#[derive(Debug)]
struct Remembered<T> {
    since: Instant,
    answer: Arc<OnceCell<T>>,
}

impl<T: Clone> Memory<T> {
    /// A memory in which everything fades after a while.
    pub(super) fn new(lasts: Duration) -> Self {
        Self { lasts, answers: Mutex::default() }
    }

    /// What is remembered of `id`, or else what asking for it brings.
    pub(super) async fn recall<E>(&self, id: &str, ask: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let answer = self.place(id);
        answer.get_or_try_init(|| ask).await.cloned()
    }

    /// Remembers an answer that came along with another.
    pub(super) fn learn(&self, id: &str, answer: T) {
        let _ = self.place(id).set(answer);
    }

    fn place(&self, id: &str) -> Arc<OnceCell<T>> {
        let now = Instant::now();
        let is_fresh = |remembered: &Remembered<T>| now.duration_since(remembered.since) < self.lasts;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(remembered) = answers.get(id).filter(|remembered| is_fresh(remembered)) {
            return Arc::clone(&remembered.answer);
        }
        if answers.len() >= MOST {
            answers.retain(|_, remembered| is_fresh(remembered));
        }
        if answers.len() >= MOST
            && let Some(oldest) = answers.iter().min_by_key(|(_, remembered)| remembered.since).map(|(id, _)| id.clone())
        {
            answers.remove(&oldest);
        }
        let answer = Arc::default();
        answers.insert(id.to_owned(), Remembered { since: now, answer: Arc::clone(&answer) });
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn ask(memory: &Memory<u32>, id: &str, asked: &AtomicU32) -> u32 {
        let answer = memory.recall(id, async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, ()>(asked.fetch_add(1, Ordering::Relaxed))
        });
        answer.await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_together_and_those_who_ask_soon_share_an_answer() {
        let (memory, asked) = (Memory::new(Duration::from_mins(1)), AtomicU32::new(0));
        let together = futures_util::future::join_all((0..50).map(|_| ask(&memory, "a", &asked)));
        assert_eq!(together.await, [0; 50]);
        assert_eq!(ask(&memory, "a", &asked).await, 0);
        assert_eq!(ask(&memory, "b", &asked).await, 1);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(ask(&memory, "a", &asked).await, 2, "it has faded");
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_or_was_given_up_is_asked_again() {
        let (memory, asked) = (Memory::new(Duration::from_mins(1)), AtomicU32::new(0));
        assert_eq!(memory.recall("a", async { Err::<u32, _>("down") }).await, Err("down"));
        let given_up = tokio::time::timeout(Duration::from_millis(10), ask(&memory, "a", &asked));
        assert!(given_up.await.is_err());
        assert_eq!(ask(&memory, "a", &asked).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_bounded() {
        let memory = Memory::new(Duration::from_mins(1));
        for number in 0..2_000 {
            memory.learn(&number.to_string(), number);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let kept = memory.answers.lock().unwrap();
        assert_eq!(kept.len(), MOST);
        assert!(kept.contains_key("1999") && !kept.contains_key("0"), "the oldest go first");
    }
}
