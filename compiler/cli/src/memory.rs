//! How much memory a command takes.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(10);

/// Watches the anonymous memory of the process: heap and stacks. Pages of mapped files do not count, since the system
/// takes them back as it likes; models and artifacts are mapped.
pub(crate) struct PeakMemory {
    stop: Sender<()>,
    watcher: JoinHandle<Option<u64>>,
}

impl PeakMemory {
    /// Starts to watch.
    pub(crate) fn watch() -> PeakMemory {
        let (stop, stopped) = channel();
        let watcher = thread::spawn(move || {
            let mut most = anonymous_bytes();
            while most.is_some() && stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                most = most.max(anonymous_bytes());
            }
            most
        });
        PeakMemory { stop, watcher }
    }

    /// The most bytes that were seen; `None` where the system does not tell.
    pub(crate) fn finish(self) -> Option<u64> {
        drop(self.stop);
        self.watcher.join().ok().flatten()
    }
}

/// Of this process now: `RssAnon` of proc_pid_status(5), which Linux alone has.
fn anonymous_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_was_taken_and_given_back_is_seen() {
        const TAKEN: usize = 64 << 20;
        let watched = PeakMemory::watch();
        let taken = std::hint::black_box(vec![1u8; TAKEN]);
        thread::sleep(50 * PERIOD);
        drop(taken);
        assert!(watched.finish().unwrap() >= (TAKEN as u64) * 9 / 10);
    }
}
