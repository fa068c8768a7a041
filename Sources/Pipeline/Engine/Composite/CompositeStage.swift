/// A stage that holds other stages, branch by branch.
///
/// The engine makes the branches ready when the chain is made, runs each of their stages with its own modifiers, name,
/// metrics and spans, and checks the wiring through them.
package protocol CompositeStage: AbbreviatedStage {
    /// What it holds. Branches of one stage come in the same order each time.
    var branches: [Chain.StageList] { get set }

    /// What each branch is called in drawings, such as `otherwise`.
    var branchNames: [String] { get }

    /// How its branches stand to each other.
    var flow: BranchFlow { get }

    /// The branches that stages stand in which also take an answer that broke off.
    func branchesForPart(of message: Message) -> [Chain.StageList]
}

/// How the branches of a composite stage stand to each other.
package enum BranchFlow: Sendable, Equatable {
    /// At most one runs; exactly one where the choice is exhaustive.
    case oneOf(isExhaustive: Bool)
    /// All run at the same time.
    case all
    /// The second runs where the first fails.
    case fallback
}

extension CompositeStage {
    package func branchesForPart(of message: Message) -> [Chain.StageList] { branches }
}

/// A stage that is written shorter than as a mapping of its settings.
package protocol AbbreviatedStage: Stage {
    /// The setting that stands right behind the stage's name: `route: […]` is short for `route: {cases: […]}`.
    static var mainSetting: String { get }

    /// Settings that stand beside the stage's name, as `catch` does beside `attempt`.
    static var settingsBeside: [String] { get }
}

extension AbbreviatedStage {
    package static var settingsBeside: [String] { [] }
}
