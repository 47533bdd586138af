//! Many callers at once.

use std::sync::Barrier;

/// Runs `act` on as many threads at the same moment and returns what each one got, in the order of the threads.
pub(crate) fn race<T: Send>(callers: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(callers);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let (start, act) = (&start, &act);
                scope.spawn(move || {
                    start.wait();
                    act(caller)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}
