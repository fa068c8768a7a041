/// A stage whose settings promise what only others in its chain can keep.
package protocol ChainDependentStage: Stage {
    /// What keeps the promise from being kept, in a sentence; `nil` where nothing does.
    ///
    /// - Parameter stages: All of the chain, each before those that it holds.
    func problem(among stages: [any Stage]) -> String?
}
