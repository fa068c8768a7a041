import Glibc

/// Tells systemd how far the host is, where that started it with `Type=notify` (sd_notify(3)).
enum ServiceManager {
    /// Says that clients may come.
    ///
    /// - Parameter status: What `systemctl status` shows.
    static func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }

    /// Says that the host drains.
    static func stopping() { send("STOPPING=1\nSTATUS=Stopping") }

    /// Nobody may be waiting for it, so failures are ignored.
    private static func send(_ state: String) {
        guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }), var address = address(of: path) else {
            return
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = MemoryLayout<sa_family_t>.size + path.utf8.count
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                sendto(descriptor, state, state.utf8.count, Int32(MSG_NOSIGNAL), pointer, socklen_t(length))
            }
        }
    }

    /// `nil` where it is no path and no abstract name, which begins with `@`.
    private static func address(of path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        guard path.hasPrefix("/") || path.hasPrefix("@"), path.utf8.count < MemoryLayout.size(ofValue: address.sun_path)
        else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: path.utf8)
            if path.hasPrefix("@") { bytes[0] = 0 }
        }
        return address
    }
}
