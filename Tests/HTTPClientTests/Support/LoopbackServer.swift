import Foundation
import Synchronization

/// A server on a free port of this machine: every connection gets a thread that runs what the test says.
final class LoopbackServer: Sendable {
    private struct State {
        var accepted = 0
        var open: [Connection] = []
    }

    let port: Int
    private let descriptor: Int32
    private let state = Mutex(State())

    var url: String { "http://127.0.0.1:\(port)" }

    /// Connections that were taken so far.
    var accepted: Int { state.withLock(\.accepted) }

    init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
        (descriptor, port) = try LoopbackSocket.listening(backlog: 128)
        Thread.detachNewThread { [self] in
            while true {
                let accepted = accept(descriptor, nil, nil)
                guard accepted >= 0 else { break }
                let connection = Connection(accepted)
                state.withLock { state in
                    state.accepted += 1
                    state.open.append(connection)
                }
                Thread.detachNewThread {
                    serve(connection)
                    connection.close()
                }
            }
            Glibc.close(descriptor)
        }
    }

    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        for connection in state.withLock(\.open) { connection.abort() }
    }
}

enum LoopbackSocket {
    struct Failure: Error {
        let number = errno
    }

    static func listening(backlog: Int32) throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = self.address(port: 0)
        guard descriptor >= 0,
            withSockAddr(&address, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, backlog) == 0
        else { throw Failure() }
        return (descriptor, try localPort(of: descriptor))
    }

    static func localPort(of descriptor: Int32) throws -> Int {
        var address = self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard withSockAddr(&address, { name, _ in getsockname(descriptor, name, &length) }) == 0 else {
            throw Failure()
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Begins to connect and does not wait for it.
    static func connecting(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = self.address(port: UInt16(port))
        _ = withSockAddr(&address) { connect(descriptor, $0, $1) }
        return descriptor
    }

    private static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func withSockAddr<Value>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
