import NIOCore
import NIOPosix
import Pipeline
import Testing

@testable import Server

@Suite("Whose sessions are whose")
struct SessionOwnersTests {
    private let id = "5f350470-f5d5-4d96-93db-8d732a78cfc9"
    private let owners = SessionOwners()
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let pipeline: ServedPipeline

    init() throws {
        pipeline = try .forTests()
    }

    private func admission(_ user: String?, session: String?) throws -> Admission {
        try Admission(
            pipeline: pipeline, query: QueryItems(session.map { "session=\($0)" } ?? ""), address: nil,
            credential: user.map { .forTests($0) })
    }

    private func claim(_ user: String?, session: String?) async throws {
        try await owners.claim(admission(user, session: session), of: [pipeline], within: .seconds(60), on: loop)?.get()
    }

    @Test("a session is the user's who came first, by whichever way")
    func first() async throws {
        try await claim("ann", session: id)
        try await claim("ann", session: id)
        await #expect(throws: HTTPRejection.self) { try await claim("bob", session: id) }
        try await claim("ann", session: id)
    }

    @Test("a session that the host made is its user's, and nothing has to be looked up for it")
    func made() async throws {
        let made = try admission("ann", session: nil)
        #expect(try owners.claim(made, of: [pipeline], within: .seconds(60), on: loop) == nil)
        await #expect(throws: HTTPRejection.self) { try await claim("bob", session: made.session.id) }
        try await claim("ann", session: made.session.id)
    }

    @Test("users are told apart by the bytes of their names")
    func bytes() async throws {
        try await claim("caf\u{E9}", session: id)
        await #expect(throws: HTTPRejection.self) { try await claim("cafe\u{301}", session: id) }
    }

    @Test("sessions that are known by heart are bounded in number and in what their users' names take")
    func bounded() async throws {
        let owners = SessionOwners(limit: 50, bytes: 10_000)
        for length in [4, 128] {
            for number in 0..<100 {
                let user = String(repeating: "\u{10348}", count: length - 4) + "\(1_000 + number)"
                _ = try owners.claim(admission(user, session: nil), of: [pipeline], within: .seconds(60), on: loop)
            }
            #expect(length == 4 ? owners.size.count == 50 : (10..<20).contains(owners.size.count))
            #expect(owners.size.bytes <= 10_000)
        }
    }

    @Test("without authentication nothing is kept")
    func anonymous() async throws {
        try await claim(nil, session: id)
        try await claim("ann", session: id)
    }

    @Test("who says by the first message who it is has the session and the name of its token")
    func later() throws {
        let admission = try Admission(
            pipeline: pipeline, query: QueryItems("session=\(id)&username=mallory&after=3&format=json"), address: "::1")
        let identified = admission.identified(by: .forTests("u-1", name: "Ann"), nil)
        #expect(identified.session == Session(id: id, username: "Ann", userID: "u-1", address: "::1"))
        #expect(identified.seen == 3 && identified.isSessionGiven)
        #expect(admission.identified(by: .forTests("u-1"), nil).session.username == "mallory")
    }
}
