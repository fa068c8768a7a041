import TestShared

@testable import Server

/// Hosts that are alike, whose messages wait at one gate.
struct TestHosts {
    let hub = Hub()
    let gate = Gate()
    var patience = HostPatience()

    func host(maxMessage: Int = 1 << 20, bounds: SharedSessions.Bounds = .init()) throws -> TestHost {
        try TestHost(on: hub, maxMessage: maxMessage, patience: patience, bounds: bounds) { [gate] in
            await gate.pass($0)
        }
    }

    /// Two hosts, and a client of the first whose messages are being worked on: the first of them is at the gate.
    ///
    /// - Parameters:
    ///   - prompts: What it asks, as `c-1`, `c-2`, ….
    ///   - isKnown: Whether the other host knows by now what has no answer.
    func working(
        on prompts: String..., isKnown: Bool = false, bounds: SharedSessions.Bounds = .init()
    ) async throws -> (left: TestHost, right: TestHost, first: TestSocket) {
        let (left, right) = (try host(bounds: bounds), try host(bounds: bounds))
        let first = try await left.connect()
        first.ask(prompts)
        await gate.come(1)
        if isKnown { try await left.written(first.session) { $0.open.count == prompts.count } }
        return (left, right, first)
    }

    /// Two hosts, and a client of the first whose messages are answered; the gate is open.
    ///
    /// - Parameters:
    ///   - prompts: What it asks, as `c-1`, `c-2`, ….
    ///   - maxMessage: How long one message between them may be.
    func answered(
        _ prompts: String..., user: String? = nil, maxMessage: Int = 1 << 20
    ) async throws -> (left: TestHost, right: TestHost, first: TestSocket) {
        gate.open()
        let (left, right) = (try host(maxMessage: maxMessage), try host(maxMessage: maxMessage))
        let first = try await left.connect(user: user)
        first.ask(prompts)
        _ = await first.heard.frames(1 + prompts.count)
        return (left, right, first)
    }
}
