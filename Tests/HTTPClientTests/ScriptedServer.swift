import Foundation
import Synchronization

/// A server on loopback that does with each connection what a test says. Ends with the test.
final class ScriptedServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let count = Mutex(0)

    /// How many connections were accepted.
    var connections: Int { count.withLock(\.self) }

    var url: String { "http://127.0.0.1:\(port)/" }

    init(_ script: @escaping @Sendable (Connection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 128) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        let accepted: @Sendable () -> Void = { [weak self] in self?.count.withLock { $0 += 1 } }
        Thread.detachNewThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                accepted()
                Thread.detachNewThread {
                    script(Connection(descriptor: descriptor))
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    struct Connection: Sendable {
        let descriptor: Int32

        /// Reads a request's head and body; `nil` once the client has closed.
        func request() -> (head: String, body: [UInt8])? {
            var bytes: [UInt8] = []
            while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
                guard let byte = read(1)?.first else { return nil }
                bytes.append(byte)
            }
            let head = String(decoding: bytes, as: UTF8.self)
            let lengthLine = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            let length = lengthLine.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
            var body: [UInt8] = []
            while body.count < length {
                guard let more = read(length - body.count) else { return nil }
                body += more
            }
            return (head, body)
        }

        /// `nil` at the end of the stream.
        func read(_ limit: Int) -> [UInt8]? {
            var buffer = [UInt8](repeating: 0, count: limit)
            let count = recv(descriptor, &buffer, limit, 0)
            return count > 0 ? Array(buffer[..<count]) : nil
        }

        /// Whether everything was taken.
        @discardableResult
        func write(_ text: String) -> Bool {
            let bytes = Array(text.utf8)
            return send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        }

        func respond(_ body: String, status: String = "200 OK", headers: String = "") {
            write("HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }

        /// Waits until the client closes its side.
        func awaitClose() {
            while read(4_096) != nil {}
        }
    }
}

/// Something that happens once, for a test to wait for.
final class Event: Sendable {
    private let state = Mutex<(happened: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func happen() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let happened = state.withLock { state in
                if !state.happened { state.waiting.append(continuation) }
                return state.happened
            }
            if happened { continuation.resume() }
        }
    }
}
