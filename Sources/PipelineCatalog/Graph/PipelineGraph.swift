package import Pipeline

/// A pipeline as a drawing needs it: its steps in order, what they use, and where messages wait.
package struct PipelineGraph: Sendable {
    /// A step of the drawing.
    struct Box: Sendable {
        let label: String
        let stage: String
        let uses: [String]
        let condition: Bool
        let queue: String?
        /// The resource that is the queue; `nil` where it is the step's own.
        let queueName: String?
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
        condition = step.modifiers.when != nil
        queue = step.modifiers.async.map { "\($0.queueWords), \($0.whenFull.rawValue)" }
        queueName = step.queueName
        guarantee =
            (step.modifiers.async?.guarantee).map { [$0.whenKilled, $0.whenDown, $0.whenMachineLost] } ?? []
        errorSteps = step.errorSteps.map { PipelineGraph.Box($0) }
        let composite = step.composite
        flow = composite?.flow
        branches =
            composite.map { composite in
                zip(composite.branchNames, composite.branches).map { name, branch in
                    PipelineGraph.Branch(name: name, boxes: branch.stepList.steps.map { PipelineGraph.Box($0) })
                }
            } ?? []
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
