import Testing

/// A few tests of all suites with this trait run at the same time. Where a server answers nobody for most of a second, because
/// hundreds of tests want the processor, stores say that it fell silent, and they are right.
struct FewAtOnce: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    /// A suite waits for its tests, and a test for its cases.
    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await Seats.shared.take()
        let result = await Result { try await function() }
        await Seats.shared.giveBack()
        try result.get()
    }
}

extension Trait where Self == FewAtOnce {
    /// Runs beside few others.
    static var fewAtOnce: FewAtOnce { FewAtOnce() }
}

/// Who waits is served in turn.
private actor Seats {
    static let shared = Seats(4)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func take() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func giveBack() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
