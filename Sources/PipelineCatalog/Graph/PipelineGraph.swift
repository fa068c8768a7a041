package import Pipeline

/// A pipeline as a drawing needs it: its steps in order, what they use, and where messages wait.
package struct PipelineGraph: Sendable {
    /// A step of the drawing.
    struct Box: Sendable {
        let label: String
        let stage: String
        let uses: [String]
        /// The tests of its `when`, all of which must hold.
        let condition: [String]
        /// The model that it asks for, its deadlines, and what happens after an error.
        let facts: [String]
        let queue: String?
        /// The resource that is the queue; `nil` where it is the step's own.
        let queueName: String?
        /// What the queue does after an error.
        let queueFacts: [String]
        /// What the queue promises, a sentence each.
        let guarantee: [String]
        let errorSteps: [Box]
        /// What a composite stage holds, and how its branches stand to each other; `nil` in any other.
        let branches: [Branch]
        let flow: BranchFlow?
    }

    /// A branch of a composite stage.
    struct Branch: Sendable {
        let name: String
        let boxes: [Box]
    }

    let name: String
    let boxes: [Box]
    let resources: [(name: String, type: String)]

    /// The drawing of a file's pipeline.
    package init(_ file: PipelineFile) {
        name = file.name
        let resources = file.chain.resources
        self.resources = resources.map { ($0.name, type(of: $0.resource).name) }
        boxes = file.chain.steps.map { Box($0) }
    }
}

extension PipelineGraph.Box {
    fileprivate init(_ step: StepRunner) {
        label = step.label
        stage = type(of: step.stage).name
        uses = step.usedResources
        let modifiers = step.modifiers
        condition = modifiers.when?.words ?? []
        facts = StepFacts(step).all
        queue = modifiers.async.map { "\($0.queueWords), \($0.whenFull.rawValue)" }
        queueName = step.queueName
        queueFacts = modifiers.async.map { StepFacts.of($0) } ?? []
        guarantee = (modifiers.async?.guarantee).map { [$0.whenKilled, $0.whenDown, $0.whenMachineLost] } ?? []
        errorSteps = step.errorSteps.map { PipelineGraph.Box($0) }
        let composite = step.composite
        flow = composite?.flow
        branches =
            composite.map { composite in
                zip(composite.drawnNames, composite.branches).map { name, branch in
                    PipelineGraph.Branch(name: name, boxes: branch.stepList.steps.map { PipelineGraph.Box($0) })
                }
            } ?? []
    }
}

extension CompositeStage {
    /// What each branch is called, with the tests that lead into it.
    fileprivate var drawnNames: [String] {
        guard let route = self as? Chain.Route else { return branchNames }
        return route.cases.map { $0.when.map { "when \($0.words.joined(separator: " and "))" } ?? "otherwise" }
    }
}

/// The forms in which a pipeline can be drawn.
package enum GraphFormat: String, CaseIterable, Sendable {
    /// Lines for a terminal.
    case text
    /// A Mermaid flowchart.
    case mermaid
    /// A Graphviz graph.
    case dot
    /// A picture that needs no other program.
    case svg

    /// The drawing.
    package func draw(_ graph: PipelineGraph) -> String { draw([graph]) }

    /// One drawing of several pipelines.
    package func draw(_ graphs: [PipelineGraph]) -> String {
        switch self {
        case .text: graphs.map(GraphText.draw).joined(separator: "\n\n")
        case .mermaid: GraphMermaid.draw(graphs)
        // A file may have several graphs.
        case .dot: graphs.map(GraphDot.draw).joined(separator: "\n")
        case .svg: GraphSVG.draw(graphs)
        }
    }
}
