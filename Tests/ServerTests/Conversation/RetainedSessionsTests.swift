import NIOCore
import NIOPosix
import Pipeline
import Synchronization
import Testing

@testable import Server

@Suite("Sessions that are kept for clients who may come back")
struct RetainedSessionsTests {
    private let id = "5f350470-f5d5-4d96-93db-8d732a78cfc9"
    private let pipeline: ServedPipeline

    init() throws {
        pipeline = try .forTests(onDisconnect: .hold(.seconds(60)))
    }

    private func place(in kept: Kept, of user: String = "ann") throws -> SessionSeat? {
        let admission = try Admission(
            pipeline: pipeline, query: QueryItems("session=\(id)"), address: nil, credential: .forTests(user))
        return try kept.sessions.seat(for: admission, limit: 1_000)
    }

    @Test("connections that come at the same instant are in one session")
    func together() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        for _ in 0..<5_000 {
            let kept = Kept()
            let ready = Ready()
            // On threads of their own: the tasks of all tests share a thread a processor, which is not to be waited on.
            let places = (0..<2).map { _ in
                NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
                    ready.wait(for: 2)
                    return try place(in: kept).map { ObjectIdentifier($0.session) }
                }
            }
            let sessions = Set(try await EventLoopFuture.whenAllSucceed(places, on: loop).get())
            #expect(sessions.count == 1)
            if sessions.count > 1 { return }
        }
    }

    @Test("another user neither gets a session nor makes it be kept for longer")
    func others() throws {
        let kept = Kept()
        let session = try #require(try place(in: kept)).session
        let stamp = session.stamp
        #expect(throws: HTTPRejection.self) { try place(in: kept, of: "bob") }
        #expect(session.stamp == stamp)
        #expect(try place(in: kept)?.session === session)
    }

    /// Lets threads begin together, where there are as many processors.
    private final class Ready: Sendable {
        private let count = Atomic<Int>(0)

        func wait(for number: Int) {
            count.add(1, ordering: .relaxed)
            for _ in 0..<10_000 where count.load(ordering: .relaxed) < number {}
        }
    }
}
