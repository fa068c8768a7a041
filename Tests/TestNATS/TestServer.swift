import Foundation
import Glibc
import Synchronization

/// A NATS server with JetStream of a test's own: on a free port of the loopback, in a folder of its own.
package final class TestServer: Sendable {
    /// There is no server to start.
    package struct Missing: Error, CustomStringConvertible {
        package let description = "nats-server is missing; scripts/setup --tests installs it"
    }

    private let program: String
    private let process: Mutex<Process>
    private let folder: URL
    package let port: Int

    /// Where it listens.
    package var url: String { "nats://127.0.0.1:\(port)" }

    /// Starts a server and waits until it listens.
    ///
    /// - Parameter configuration: More lines of its configuration.
    /// - Throws: ``Missing`` where there is none.
    package init(_ configuration: String = "") async throws {
        let places = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"]
        guard let program = places.first(where: FileManager.default.isExecutableFile) else { throw Missing() }
        folder = FileManager.default.temporaryDirectory.appending(path: "nats-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try TestServer.freePort()
        let file = folder.appending(path: "server.conf")
        try """
        listen: "127.0.0.1:\(port)"
        jetstream {store_dir: "\(folder.path)/store", max_mem: 64MB, max_file: 1GB}
        \(configuration)
        """.write(to: file, atomically: true, encoding: .utf8)
        self.program = program
        process = Mutex(try TestServer.start(program, file))
        await waitUntilListening()
    }

    private static func start(_ program: String, _ file: URL) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = ["-c", file.path]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        return process
    }

    private func waitUntilListening() async {
        for _ in 0..<2_000 where !TestServer.listens(on: port) { try? await Task.sleep(for: .milliseconds(5)) }
    }

    /// Starts it again after ``stop()``, with what it kept.
    package func goOn() async throws {
        let next = try TestServer.start(program, folder.appending(path: "server.conf"))
        process.withLock { $0 = next }
        await waitUntilListening()
    }

    /// Ends it, until it goes on.
    package func stop() {
        let process = process.withLock(\.self)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Ends it, and removes what it kept.
    package func end() {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    deinit { if process.withLock(\.isRunning) { end() } }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    private static func freePort() throws -> Int {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                _ = bind(socket, generic, length)
                _ = getsockname(socket, generic, &length)
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }

    private static func listens(on port: Int) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = address(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
