import Glibc

extension Duration {
    /// Has a socket's reads (`SO_RCVTIMEO`) or writes (`SO_SNDTIMEO`) give up after so long.
    package func limit(_ option: Int32, of socket: Int32) {
        var time = timeval(
            tv_sec: Int(components.seconds), tv_usec: Int(components.attoseconds / 1_000_000_000_000))
        setsockopt(socket, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
}
