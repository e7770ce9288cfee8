//! Kind `serial`: a board behind a serial port. Somebody else has flashed it and switched it on.
//!
//! The port is gone when a read or write of it fails, or when it ends: an adapter was pulled out, or the program
//! behind a pseudo-terminal has ended. Must not: say anything to the board.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio_serial::SerialStream;

use super::BoardError;
use super::error::at;
use super::process::Ended;
use crate::inventory::SerialPort;
use crate::link;
use crate::target_log::TargetLog;

/// How long an adapter that was reset may take to be there again.
const REAPPEARS: Duration = Duration::from_secs(5);

/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What is known of a port in use.
#[derive(Debug)]
pub(super) struct Port {
    ended: watch::Receiver<Option<Ended>>,
}

impl Port {
    /// Opens a board's port.
    pub(super) fn open(
        board: &str,
        port: &SerialPort,
    ) -> Result<(Self, Watched<SerialStream>), BoardError> {
        let stream =
            link::serial::open(&port.port, port.baud).map_err(|source| BoardError::Link {
                board: board.into(),
                source,
            })?;
        Ok(watched(stream, port.port.clone()))
    }

    /// How it went away, if it has.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Resolves when it has gone. Nobody can tell without using it, so the stream has to be read.
    pub(super) fn gone(&self) -> impl Future<Output = Ended> + Send + 'static + use<> {
        let mut ended = self.ended.clone();
        async move {
            if let Ok(ended) = ended.wait_for(Option::is_some).await
                && let Some(ended) = ended.clone()
            {
                return ended;
            }
            // Closed by us, which is no end of the port.
            core::future::pending().await
        }
    }
}

/// Waits until the device is there, for [`REAPPEARS`] at most.
pub(super) async fn appears(port: &Path) {
    let wait = async {
        // Device files come without an event that everybody may listen to.
        let mut looks = tokio::time::interval(LOOK);
        while !port.exists() {
            looks.tick().await;
        }
    };
    // Opening it says what is wrong if it is still not there.
    let _ = tokio::time::timeout(REAPPEARS, wait).await;
}

/// Listens to the log of a board at a port of its own.
pub(super) fn hear(board: &str, port: &Path, baud: u32, log: &TargetLog) -> Result<(), BoardError> {
    let trouble = |source| BoardError::Link {
        board: board.into(),
        source,
    };
    let device = link::serial::open_for_reading(port, baud).map_err(trouble)?;
    log.attach(device).map_err(at(port))?;
    Ok(())
}

fn watched<S>(stream: S, port: PathBuf) -> (Port, Watched<S>) {
    let (tell, ended) = watch::channel(None);
    (Port { ended }, Watched { stream, port, tell })
}

/// A stream that tells when it ends.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    port: PathBuf,
    tell: watch::Sender<Option<Ended>>,
}

impl<S> Watched<S> {
    fn over(&self, why: &str) {
        let how = format!(
            "the serial port {} is gone ({why}): the adapter was pulled out, or what is behind it has ended",
            self.port.display()
        );
        let ended = Ended {
            how,
            crashed: false,
        };
        self.tell.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert(ended);
            first
        });
    }

    fn look<T>(&self, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &done {
            self.over(&error.to_string());
        }
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining() > 0;
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        if room && buffer.filled().len() == before && matches!(done, Poll::Ready(Ok(()))) {
            self.over("end of file");
        }
        self.look(done)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.look(done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.look(done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn tells_the_end_of_the_port_once_it_is_read() {
        let (mut board, ours) = duplex(16);
        let (port, mut stream) = watched(ours, "/dev/ttyX".into());
        board.write_all(b"ab").await.expect("room");
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await.expect("a byte");
        assert_eq!(port.ended(), None);
        drop(board);
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let ended = timeout(Duration::from_secs(5), port.gone())
            .await
            .expect("it is gone");
        assert!(
            ended.how.contains("/dev/ttyX") && !ended.crashed,
            "{ended:?}"
        );
    }

    #[tokio::test]
    async fn a_port_that_was_closed_in_order_is_not_gone() {
        let (_board, ours) = duplex(16);
        let (port, stream) = watched(ours, "/dev/ttyX".into());
        drop(stream);
        assert_eq!(port.ended(), None);
        let gone = timeout(Duration::from_millis(20), port.gone()).await;
        assert!(gone.is_err(), "{gone:?}");
    }
}
