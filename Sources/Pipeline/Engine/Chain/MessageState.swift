/// What the engine carries along with a few messages.
private final class MessageState: Sendable {
    struct Parts {
        var continuation: Continuation?
        var claims: [any MessageClaim] = []
        var deltas: Message.DeltaStream?
        var trace: MessageTrace?

        var isEmpty: Bool { continuation == nil && claims.isEmpty && deltas == nil && trace == nil }
    }

    let parts: Parts

    init(_ parts: Parts) {
        self.parts = parts
    }
}

extension Message {
    /// Nothing else is ever put there.
    private var state: MessageState? { engineState.map { unsafeDowncast($0, to: MessageState.self) } }

    private mutating func change(_ change: (inout MessageState.Parts) -> Void) {
        var parts = state?.parts ?? MessageState.Parts()
        change(&parts)
        engineState = parts.isEmpty ? nil : MessageState(parts)
    }

    /// Where an answer's pieces go while the rest is still to come; `nil` where they are to be sent whole.
    public internal(set) var deltas: Message.DeltaStream? {
        get { state?.parts.deltas }
        set { if newValue !== deltas { change { $0.deltas = newValue } } }
    }

    /// Its spans; `nil` where nobody takes traces.
    package var trace: MessageTrace? {
        get { state?.parts.trace }
        set { if newValue !== trace { change { $0.trace = newValue } } }
    }

    /// What a composite stage has still to do with it; `nil` but between the run that stopped and the one that goes on.
    var continuation: Continuation? {
        get { state?.parts.continuation }
        set { if newValue !== continuation { change { $0.continuation = newValue } } }
    }

    /// What has been reserved for it. A claim ends with the last copy of the message.
    package var claims: [any MessageClaim] {
        get { state?.parts.claims ?? [] }
        set { change { $0.claims = newValue } }
    }

    /// What is left to do, for the stage that goes on with it.
    mutating func takeContinuation() -> Continuation? {
        guard let rest = continuation else { return nil }
        continuation = nil
        return rest
    }

    /// Says to who reserved something for it what its answer has cost.
    package func settleClaims() {
        guard let state, let completion else { return }
        for claim in state.parts.claims { claim.settle(tokens: completion.tokensUsed) }
    }
}
