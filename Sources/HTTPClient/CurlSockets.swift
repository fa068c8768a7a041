import CCurl
import Glibc

/// The connections of a client, and what their hosts say unasked. Used on the client's thread alone.
///
/// libcurl 7.88 looks for unread bytes before it uses a connection without TLS again, not right before it sends, and not
/// at one with TLS at all. So each is looked at here when a call is about to be sent over it.
final class CurlSockets {
    /// What a connection between two calls has to read.
    enum Unread {
        case nothing
        /// Its end, or what hosts say before it: an alert of TLS, or the status 408.
        case farewell
        /// What belongs to no call.
        case excess
    }

    /// A connection that a call has used.
    final class Connection {
        fileprivate let descriptor: Int32
        fileprivate let key: Int
        fileprivate let isTLS: Bool
        /// Whether it is HTTP/2, which numbers its answers, and has frames to read at any time.
        fileprivate let isShared: Bool
        /// Whether no call uses it.
        fileprivate var isIdle = false
        fileprivate var isClosed = false

        fileprivate init(_ descriptor: Int32, _ key: Int, isTLS: Bool, isShared: Bool) {
            (self.descriptor, self.key, self.isTLS, self.isShared) = (descriptor, key, isTLS, isShared)
        }

        fileprivate var unread: Unread { CurlSockets.unread(of: descriptor, isTLS: isTLS) }
    }

    private(set) var trust = KeptTrust()
    private let events: CurlEvents?
    private let report: @Sendable (String) -> Void
    private var used: [Int32: Connection] = [:]
    private var byAddress: [Int: Connection] = [:]

    /// - Parameter events: told of connections that are about to be closed.
    init(_ events: CurlEvents? = nil, report: @escaping @Sendable (String) -> Void) {
        self.events = events
        self.report = report
    }

    /// Has libcurl tell of the ends of the connections that a handle opens, whenever they come.
    func watch(_ handle: UnsafeMutableRawPointer) {
        // Unretained: whoever has the multi handle keeps this object until libcurl has closed its last connection.
        curl_set_pointer(handle, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(self).toOpaque())
        curl_set_closesocket(handle) { context, descriptor in
            if let context { Unmanaged<CurlSockets>.fromOpaque(context).takeUnretainedValue().forget(descriptor) }
            return Glibc.close(descriptor)
        }
    }

    /// A call is about to be sent over a connection.
    ///
    /// - Parameter opened: The descriptors that were opened for the call; some may be closed again.
    /// - Returns: The connection, where it is known; whether the call may be sent.
    func take(
        _ address: CurlAddress, by handle: UnsafeMutableRawPointer, opened: [Int32]
    ) -> (connection: Connection?, maySend: Bool) {
        let key = address.key
        guard let connection = byAddress[key] else { return (adopt(address, key, by: handle, opened), true) }
        guard !connection.isShared else { return (connection, true) }
        // Also that of a call whose end libcurl has yet to tell.
        connection.isIdle = true
        guard trust.allowsReuse else { return (nil, false) }
        var unread = connection.unread
        if case .nothing = unread, connection.isTLS, OpenSSL.hasPending(handle) { unread = .excess }
        switch unread {
        case .nothing:
            connection.isIdle = false
            events?.gather(connection.descriptor, false)
            return (connection, true)
        case .farewell: return (nil, false)
        case .excess:
            noteExcess()
            return (nil, false)
        }
    }

    private func adopt(
        _ address: CurlAddress, _ key: Int, by handle: UnsafeMutableRawPointer, _ opened: [Int32]
    ) -> Connection? {
        guard let descriptor = opened.first(where: { Self.localPort(of: $0) == address.localPort }) else { return nil }
        let connection = Connection(
            descriptor, key, isTLS: curl_openssl(handle) != nil, isShared: OpenSSL.speaksHTTP2(handle))
        used[descriptor] = connection
        byAddress[key] = connection
        return connection
    }

    /// A call's answer is whole.
    func release(_ connection: Connection) {
        // Closed where the answer was its last.
        guard !connection.isClosed, !connection.isShared else { return }
        connection.isIdle = true
        trust.noteAnswer()
    }

    /// What comes next on a call's connection may wait for what comes on others.
    func gather(_ connection: Connection) {
        // Where several calls share one, their beginnings would wait, too.
        if !connection.isClosed, !connection.isShared { events?.gather(connection.descriptor, true) }
    }

    /// A descriptor was opened of whose end libcurl will tell.
    func noteOpened(_ descriptor: Int32) { events?.noteOpened(descriptor) }

    /// What a call that starts now is to do.
    func rule() -> KeptTrust.Rule { trust.rule() }

    /// Looks what has followed the first answers.
    func endObservation() {
        let idle = used.values.filter(\.isIdle)
        for connection in idle {
            if case .excess = connection.unread { noteExcess() }
        }
        trust.endObservation(sawConnection: !idle.isEmpty)
    }

    /// A host has said more than its answer.
    func noteExcess() {
        guard trust.noteExcess() else { return }
        report("A host sent more than it was asked for; each call gets a connection of its own for 10 minutes")
    }

    /// Another thread of the client has seen that.
    func distrust() { _ = trust.noteExcess() }

    private func forget(_ descriptor: Int32) {
        events?.willClose(descriptor)
        guard let connection = used.removeValue(forKey: descriptor) else { return }
        byAddress[connection.key] = nil
        connection.isClosed = true
        // libcurl closes those that it finds with bytes to read, without a word.
        if connection.isIdle, case .excess = connection.unread { noteExcess() }
    }
}

// MARK: What the system says

extension CurlSockets {
    fileprivate static func unread(of descriptor: Int32, isTLS: Bool) -> Unread {
        var start = (UInt64(0), UInt64(0))
        return withUnsafeMutableBytes(of: &start) { start in
            let count = recv(descriptor, start.baseAddress, start.count, Int32(MSG_PEEK | MSG_DONTWAIT))
            guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .farewell }
            let bytes = UnsafeRawBufferPointer(rebasing: start[..<count])
            return (isTLS ? isAlert(bytes) : isTimeout(bytes)) ? .farewell : .excess
        }
    }

    /// An alert of TLS; in TLS 1.3 it looks like data, and is 19 bytes with the shortest of tags.
    private static func isAlert(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 5 else { return true }
        let length = Int(bytes[3]) << 8 | Int(bytes[4])
        return bytes[0] == 21 || (bytes[0] == 23 && length <= 19)
    }

    /// `HTTP/1.1 408`: what some hosts say to a connection that has been idle for too long.
    private static func isTimeout(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.starts(with: "HTTP/1.".utf8) && bytes.dropFirst(8).starts(with: " 408".utf8)
    }

    private static func localPort(of descriptor: Int32) -> Int32? {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.baseAddress.map { getsockname(descriptor, $0.assumingMemoryBound(to: sockaddr.self), &length) } ?? -1
        }
        guard status == 0 else { return nil }
        // The port stands at the same place for IPv4 and IPv6.
        return withUnsafeBytes(of: &address) { Int32($0[2]) << 8 | Int32($0[3]) }
    }
}

/// Both ends of a connection, as libcurl names them right before a call is sent.
struct CurlAddress {
    let remote: UnsafePointer<CChar>
    let local: UnsafePointer<CChar>
    let remotePort: Int32
    let localPort: Int32

    /// The same for the same connection, and for no other that is open.
    var key: Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(start: remote, count: strlen(remote)))
        hasher.combine(remotePort)
        hasher.combine(bytes: UnsafeRawBufferPointer(start: local, count: strlen(local)))
        hasher.combine(localPort)
        return hasher.finalize()
    }
}
