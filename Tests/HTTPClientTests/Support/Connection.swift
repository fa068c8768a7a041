import Foundation
import Synchronization
import TestPatience

/// A connection as the server sees it. Reading and writing give up after some seconds, so that no test hangs for it.
final class Connection: Sendable {
    struct Request: Sendable {
        let line: String
        let fields: [String]
        let body: [UInt8]

        func value(_ name: String) -> String? {
            fields.first { $0.lowercased().hasPrefix("\(name.lowercased()):") }
                .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
        }
    }

    private let descriptor: Int32
    private let rest = Mutex<[UInt8]>([])
    private let isOpen = Mutex(true)

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] { Duration.patience(.seconds(10)).limit(option, of: descriptor) }
    }

    /// The next request; `nil` when there is none any more.
    func request() -> Request? {
        var bytes = rest.withLock { $0 }
        var end = bytes.firstRange(of: Array("\r\n\r\n".utf8))
        while end == nil {
            guard let more = receive() else { return nil }
            bytes += more
            end = bytes.firstRange(of: Array("\r\n\r\n".utf8))
        }
        guard let end else { return nil }
        var lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let line = lines.removeFirst()
        let head = Request(line: line, fields: lines, body: [])
        let length = head.value("Content-Length").flatMap(Int.init) ?? 0
        while bytes.count < end.upperBound + length {
            guard let more = receive() else { return nil }
            bytes += more
        }
        let (body, left) = (bytes[end.upperBound...].prefix(length), bytes[(end.upperBound + length)...])
        rest.withLock { $0 = Array(left) }
        return Request(line: line, fields: lines, body: Array(body))
    }

    /// Sends a whole response.
    func respond(_ status: String = "200 OK", _ fields: [String] = [], body: String = "") {
        let head = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields
        send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return write(bytes) == bytes.count
    }

    /// Sends what fits; fewer bytes than asked for where the other side does not take them in time, or is gone.
    func write(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    /// How long `write` waits for the other side.
    func setWritePatience(_ time: Duration) { time.limit(SO_SNDTIMEO, of: descriptor) }

    /// Waits until the client is gone; `false` if it is still there after some seconds.
    func waitForEnd() -> Bool {
        while true {
            var byte: UInt8 = 0
            let count = recv(descriptor, &byte, 1, 0)
            if count > 0 { continue }
            return count == 0 || errno == ECONNRESET
        }
    }

    /// Ends what is under way, from any thread.
    func abort() {
        isOpen.withLock { if $0 { _ = shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }

    func close() {
        isOpen.withLock { isOpen in
            if isOpen { Glibc.close(descriptor) }
            isOpen = false
        }
    }

    private func receive() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}
