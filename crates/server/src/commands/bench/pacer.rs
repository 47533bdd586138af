//! The clock of a fixed-rate load: says how many requests are due, and when each was meant to arrive.
//! On Linux a timer descriptor wakes the driver to the microsecond; tokio's own timer counts in milliseconds.

use std::time::{Duration, Instant};

/// Arrivals at a steady rate from `start` on.
#[derive(Debug)]
pub(crate) struct Pacer {
    start: Instant,
    period: Duration,
    issued: u64,
    timer: timer::Timer,
}

impl Pacer {
    /// A steady `rate` per second, beginning one period from now.
    ///
    /// # Errors
    /// When the system gives no timer.
    pub(crate) fn new(rate: u32) -> anyhow::Result<Self> {
        anyhow::ensure!(rate > 0, "a rate must be at least 1 per second");
        let period = Duration::from_secs(1) / rate;
        Ok(Self {
            start: Instant::now(),
            period,
            issued: 0,
            timer: timer::Timer::every(period)?,
        })
    }

    /// Waits until an arrival is due.
    ///
    /// # Errors
    /// When the timer fails.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<()> {
        while self.start + self.period * next_index(self.issued) > Instant::now() {
            self.timer.tick().await?;
        }
        Ok(())
    }

    /// The intended time of the next arrival when it is due, else `None`.
    pub(crate) fn due(&mut self) -> Option<Instant> {
        let intended = self.start + self.period * next_index(self.issued);
        if intended > Instant::now() {
            return None;
        }
        self.issued += 1;
        Some(intended)
    }
}

/// A run lasts minutes at no more than 10^6 a second, so the index stays far below `u32::MAX`.
fn next_index(issued: u64) -> u32 {
    u32::try_from(issued + 1).unwrap_or(u32::MAX)
}

#[cfg(target_os = "linux")]
mod timer {
    use std::{os::fd::OwnedFd, time::Duration};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "its successor is unsafe for the sake of descriptors that others may close; this one is owned"
        )]
        pub(super) fn every(period: Duration) -> anyhow::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            let period = Timespec::try_from(period)?;
            let spec = Itimerspec {
                it_interval: period,
                it_value: period,
            };
            timerfd_settime(&descriptor, TimerfdTimerFlags::empty(), &spec)?;
            Ok(Self(AsyncFd::new(descriptor)?))
        }

        pub(super) async fn tick(&mut self) -> anyhow::Result<()> {
            let mut expirations = [0; 8];
            loop {
                let mut guard = self.0.readable().await?;
                let read = guard.try_io(|descriptor| {
                    Ok(rustix::io::read(descriptor.get_ref(), &mut expirations)?)
                });
                if let Ok(read) = read {
                    read?;
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use std::time::Duration;

    #[derive(Debug)]
    pub(super) struct Timer(tokio::time::Interval);

    impl Timer {
        pub(super) fn every(period: Duration) -> anyhow::Result<Self> {
            Ok(Self(tokio::time::interval(period)))
        }

        pub(super) async fn tick(&mut self) -> anyhow::Result<()> {
            self.0.tick().await;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn arrivals_keep_their_schedule_even_when_nobody_looked() {
        let mut pacer = Pacer::new(10_000).unwrap();
        let mut intended = Vec::new();
        while intended.len() < 300 {
            pacer.wait().await.unwrap();
            while let Some(at) = pacer.due() {
                assert!(at <= Instant::now());
                intended.push(at);
            }
        }
        assert!(
            intended
                .windows(2)
                .all(|pair| pair[1] - pair[0] == Duration::from_micros(100))
        );
    }
}
