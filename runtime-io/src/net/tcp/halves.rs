//! What the borrowed and the owned halves of a stream have in common: all but how they hold it.
//!
//! Each macro writes the inherent methods of one half and its stream trait, so that the pairs in `split` and `split_owned`
//! cannot drift apart. The parameters are the type, the way from `self` to the stream, and the word that makes such halves
//! of `stream` in the examples.
//!
//! A half is a stream that can do less: everything here is [`TcpStream`](crate::net::TcpStream)'s method of the same name.

/// Methods and traits of a half that reads.
macro_rules! read_half {
    ($half:ty, $field:tt, $split:literal) => {
        impl $half {
            /// Reads what has come without taking it; see [`TcpStream::peek`].
            ///
            /// ```
            /// # use gumption_io::io::AsyncWriteExt;
            /// # use gumption_io::net::{TcpListener, TcpStream};
            /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
            /// # Runtime::new()?.block_on(async {
            /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
            /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
            /// # #[allow(unused_mut)]
            /// # let (mut stream, _) = listener.accept().await?;
            /// # client.write_all(b"hello").await?;
            #[doc = concat!("let (mut read, _write) = stream.", $split, "();")]
            /// let mut buf = [0; 1];
            /// assert_eq!(read.peek(&mut buf).await?, 1);
            /// assert_eq!(read.peek(&mut buf).await?, 1);
            /// # Ok::<(), std::io::Error>(())
            /// # })?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.$field.peek(buf).await
            }

            /// [`peek`](Self::peek) for who polls by hand; see [`TcpStream::poll_peek`].
            pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
                self.$field.poll_peek(cx, buf)
            }

            /// Waits until the stream is ready for something of `interest`; see [`TcpStream::ready`].
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.$field.ready(interest).await
            }

            /// Waits until there is something to read, or the end of it; see [`TcpStream::readable`].
            ///
            /// ```
            /// # use gumption_io::io::AsyncWriteExt;
            /// # use gumption_io::net::{TcpListener, TcpStream};
            /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
            /// # Runtime::new()?.block_on(async {
            /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
            /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
            /// # #[allow(unused_mut)]
            /// # let (mut stream, _) = listener.accept().await?;
            /// # client.write_all(b"hello").await?;
            #[doc = concat!("let (read, _write) = stream.", $split, "();")]
            /// read.readable().await?;
            /// let mut buf = Vec::with_capacity(64);
            /// assert_eq!(read.try_read_buf(&mut buf)?, 5);
            /// # Ok::<(), std::io::Error>(())
            /// # })?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub async fn readable(&self) -> io::Result<()> {
                self.$field.readable().await
            }

            /// Reads what has come; `WouldBlock` if nothing has; see [`TcpStream::try_read`].
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.$field.try_read(buf)
            }

            /// The same into several buffers; see [`TcpStream::try_read_vectored`].
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.$field.try_read_vectored(bufs)
            }

            /// The same into what `buf` has free; see [`TcpStream::try_read_buf`].
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.$field.try_read_buf(buf)
            }

            /// The address at the other end.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.$field.peer_addr()
            }

            /// The address at this end.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.$field.local_addr()
            }
        }

        impl AsyncRead for $half {
            #[inline]
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                self.$field.poll_read_shared(cx, buf)
            }
        }

        impl AsRef<TcpStream> for $half {
            fn as_ref(&self) -> &TcpStream {
                &self.$field
            }
        }
    };
}

/// Methods and traits of a half that writes. What a shutdown does besides is the half's own `note_shutdown`.
macro_rules! write_half {
    ($half:ty, $field:tt, $split:literal) => {
        impl $half {
            /// Waits until the stream is ready for something of `interest`; see [`TcpStream::ready`].
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.$field.ready(interest).await
            }

            /// Waits until some bytes can be written; see [`TcpStream::writable`].
            ///
            /// ```
            /// # use gumption_io::net::{TcpListener, TcpStream};
            /// # type Runtime = gumption_core::runtime::Runtime<gumption_io::Netpoller>;
            /// # Runtime::new()?.block_on(async {
            /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
            /// # #[allow(unused_mut)]
            /// # let mut stream = TcpStream::connect(listener.local_addr()?).await?;
            #[doc = concat!("let (_read, write) = stream.", $split, "();")]
            /// write.writable().await?;
            /// assert_eq!(write.try_write(b"hello")?, 5);
            /// # Ok::<(), std::io::Error>(())
            /// # })?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub async fn writable(&self) -> io::Result<()> {
                self.$field.writable().await
            }

            /// Writes what the kernel takes of `buf`; `WouldBlock` if it takes nothing; see [`TcpStream::try_write`].
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.$field.try_write(buf)
            }

            /// The same from several buffers; see [`TcpStream::try_write_vectored`].
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.$field.try_write_vectored(bufs)
            }

            /// The address at the other end.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.$field.peer_addr()
            }

            /// The address at this end.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.$field.local_addr()
            }
        }

        impl AsyncWrite for $half {
            #[inline]
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.$field.poll_write_shared(cx, buf)
            }

            #[inline]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.$field.poll_write_vectored_shared(cx, bufs)
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                true
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.$field.shutdown_write()?;
                self.note_shutdown();
                Poll::Ready(Ok(()))
            }
        }

        impl AsRef<TcpStream> for $half {
            fn as_ref(&self) -> &TcpStream {
                &self.$field
            }
        }
    };
}

pub(super) use {read_half, write_half};
