/// A stage whose settings promise what only others in its chain can keep.
package protocol ChainDependentStage: Stage {
    /// What keeps the promise from being kept, in a sentence; `nil` where nothing does.
    ///
    /// - Parameter stages: All of the chain, each before those that it holds.
    func problem(among stages: [any Stage]) -> String?

    /// What works, but probably not as it is meant, in a sentence; `nil` where there is nothing.
    ///
    /// - Parameter stages: As for ``problem(among:)``.
    func doubt(among stages: [any Stage]) -> String?
}

extension ChainDependentStage {
    package func problem(among stages: [any Stage]) -> String? { nil }

    package func doubt(among stages: [any Stage]) -> String? { nil }
}
