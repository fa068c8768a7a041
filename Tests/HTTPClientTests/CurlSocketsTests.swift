import Glibc
import Testing

@testable import HTTPClient

@Suite("Connections that a client keeps")
struct CurlSocketsTests {
    @Test("carry a second call only once it is known that nothing follows the first answers")
    func secondCall() throws {
        let (listener, port) = try LoopbackSocket.listening(backlog: 1)
        let descriptor = LoopbackSocket.connecting(to: port)
        defer { for each in [listener, descriptor] { close(each) } }
        let localPort = try LoopbackSocket.localPort(of: descriptor)
        let sockets = CurlSockets { _ in }
        let easy = try #require(CurlEasy(CurlOptions(allowsHTTP2: true), sockets))
        func take() -> (connection: CurlSockets.Connection?, maySend: Bool) {
            "127.0.0.1".withCString { host in
                sockets.take(
                    CurlAddress(remote: host, local: host, remotePort: Int32(port), localPort: Int32(localPort)),
                    by: easy.pointer, opened: [descriptor])
            }
        }
        let connection = try #require(take().connection)
        // libcurl gives a call the connection of another whose end it has yet to tell.
        #expect(!take().maySend)
        sockets.release(connection)
        #expect(!take().maySend)
        sockets.endObservation()
        #expect(take().maySend)
    }
}
