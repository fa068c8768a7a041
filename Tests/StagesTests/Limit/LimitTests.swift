import Testing

@testable import Pipeline
@testable import Stages

@Suite("Who shares a limit")
struct LimitTests {
    /// Whether the second is refused after the first.
    private func share(_ scope: Limit.Scope, _ first: Session, _ second: Session) async throws -> Bool {
        let limit = Limit(per: scope, messages: 1, every: .seconds(3_600))
        var one = Message(prompt: "x", session: first)
        try await limit.run(&one)
        var other = Message(prompt: "x", session: second)
        do {
            try await limit.run(&other)
            return false
        } catch let error as PipelineError where error.code == .rateLimited {
            return true
        }
    }

    @Test(
        "addresses: one network of IPv6 is one client, and IPv4 is IPv4 however it is written",
        arguments: [
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true), ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("2001:db8::1", "2001:0DB8:0:0::0001", true), ("fe80::1%eth0", "fe80::2%eth1", true),
        ])
    func addresses(first: String, second: String, areOne: Bool) async throws {
        #expect(try await share(.address, Session(address: first), Session(address: second)) == areOne)
    }

    @Test(
        "users: by authenticated id, else by name, else by address",
        arguments: [
            (("ada", "u1"), ("ada", "u1"), true), (("ada", "u1"), ("bob", "u1"), true),
            (("ada", "u1"), ("ada", "u2"), false),
            // Somebody who says to be called as another's id is.
            (("u1", nil), ("ada", "u1"), false), (("ada", nil), ("ada", nil), true), (("a1", nil), ("a2", nil), false),
            // Names that look alike.
            (("é", nil), ("e\u{301}", nil), false), (("x", "é"), ("x", "e\u{301}"), false),
            (("WebUser", nil), ("WebUser", nil), true),
        ] as [((String, String?), (String, String?), Bool)])
    func users(first: (String, String?), second: (String, String?), areOne: Bool) async throws {
        func session(_ who: (String, String?)) -> Session {
            Session(username: who.0, userID: who.1, address: "192.0.2.1")
        }
        #expect(try await share(.user, session(first), session(second)) == areOne)
    }

    @Test("clients without a name count by address")
    func anonymous() async throws {
        #expect(try await !share(.user, Session(address: "192.0.2.1"), Session(address: "192.0.2.2")))
        #expect(try await share(.user, Session(address: "2001:db8::1"), Session(address: "2001:db8::2")))
        #expect(try await !share(.user, Session(username: "192.0.2.1", address: "::1"), Session(address: "192.0.2.1")))
    }
}
