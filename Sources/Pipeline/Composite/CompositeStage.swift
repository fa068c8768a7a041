/// A stage that holds other stages, branch by branch.
///
/// The engine makes the branches ready when the chain is made, runs each of their stages with its own modifiers, name,
/// metrics and spans, and checks the wiring through them.
protocol CompositeStage: AbbreviatedStage {
    /// What it holds. Branches of one stage come in the same order each time.
    var branches: [StageList] { get set }

    /// What each branch is called in drawings, such as `otherwise`.
    var branchNames: [String] { get }

    /// How its branches stand to each other.
    var flow: BranchFlow { get }

    /// The branches that stages stand in which also take an answer that broke off.
    func branchesForPart(of message: Message) -> [StageList]
}

/// How the branches of a composite stage stand to each other.
enum BranchFlow: Equatable {
    /// At most one runs; exactly one where the choice is exhaustive.
    case oneOf(isExhaustive: Bool)
    /// All run at the same time.
    case all
    /// The second runs where the first fails.
    case fallback
}

extension CompositeStage {
    func branchesForPart(of message: Message) -> [StageList] { branches }
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

/// Stages inside another one: a setting that is a list like `stages:` itself.
public struct StageList: Sendable {
    /// The stages with their modifiers.
    public var steps: [Step]

    /// The steps made ready to run, once the chain is made.
    var track = Track()

    /// Stages in order.
    public init(@ChainBuilder _ steps: () -> [Step]) {
        self.steps = steps()
    }

    init(_ steps: [Step]) {
        self.steps = steps
    }
}

extension StageList: SettingValue {
    /// Stages.
    public static var settingType: SettingType { .stages }

    /// A list of stages, each with its settings and modifiers. Those with errors keep their place.
    public static func read(_ node: Node, with reader: inout SettingReader) -> StageList? {
        guard let elements = node.elements, !elements.isEmpty else {
            reader.stagesAreKnown = false
            reader.wrongType(node, expected: .other("list of stages"))
            return nil
        }
        return StageList(StageReader.steps(elements, with: &reader))
    }
}

extension Step {
    /// The lists of stages inside it, those that run after an error included.
    var inner: [[Step]] {
        var lists = composite?.branches.map(\.steps) ?? []
        if case .run(let instead) = modifiers.onError { lists.append(instead) }
        return lists
    }

    /// It and every step inside it.
    var all: [Step] {
        let inner = inner
        return inner.isEmpty ? [self] : [self] + inner.flatMap { $0.flatMap(\.all) }
    }

    /// Looks at it and at every step inside it, which ``all`` would copy.
    func visit(_ look: (Step) -> Void) {
        look(self)
        for list in inner {
            for step in list { step.visit(look) }
        }
    }

    /// Those of them that a message has been through once it leaves the step; none behind a queue.
    var inTurn: [Step] { modifiers.async == nil ? [self] + inner.flatMap { $0.flatMap(\.inTurn) } : [] }
}
