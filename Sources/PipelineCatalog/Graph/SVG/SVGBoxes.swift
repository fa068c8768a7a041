import Pipeline

/// Makes blocks of a pipeline's steps.
struct SVGBoxes {
    /// The types of the resources by their names.
    let resources: [String: String]
    /// Whether each step has room for figures.
    var hasFigures = false

    /// A step with its modifiers.
    func block(_ box: PipelineGraph.Box) -> SVGBlock {
        let inner = withErrors(box, box.flow == nil ? step(box) : composite(box))
        return box.queue.map { behindQueue(inner, of: box, queue: $0) } ?? inner
    }

    private func heading(_ box: PipelineGraph.Box) -> [SVGLine] {
        let named = box.label == box.stage ? [] : [SVGLine.text("(\(box.stage))", isSmall: true)]
        let condition = box.condition ? [SVGLine.text("when: for some messages", isSmall: true)] : []
        let uses = box.uses.filter { $0 != box.queueName }.map { name in
            SVGLine.resource(resources[name].map { "\(name): \($0)" } ?? name)
        }
        return [.text(box.label, isBold: true)] + named + condition + uses + (hasFigures ? [.figure, .figure] : [])
    }

    private func step(_ box: PipelineGraph.Box) -> SVGBlock {
        let drawn = SVGBlock.box(heading(box), fill: "#deebf7", stroke: box.condition ? .dashed : .solid)
        return hasFigures ? drawn.marked(box.label) : drawn
    }

    /// A box around the branches, which stand beside each other in boxes of their own.
    private func composite(_ box: PipelineGraph.Box) -> SVGBlock {
        let lines = heading(box) + (box.flowWords.map { [SVGLine.text($0, isSmall: true)] } ?? [])
        let branches = box.branches.map { branch($0) }
        let (padding, between) = (14, 16)
        let inside = branches.map(\.width).reduce(between * max(0, branches.count - 1), +)
        let width = max(inside, lines.map(\.width).max() ?? 0) + 2 * padding
        let head = lines.map(\.height).reduce(padding, +)
        let height = head + 6 + (branches.map(\.height).max() ?? 0) + padding
        let stroke: SVGCanvas.Stroke = box.condition ? .dashed : .solid
        return SVGBlock(left: width / 2, right: width - width / 2, height: height, isPassed: false) { canvas, x, top in
            let left = x - width / 2
            if hasFigures { canvas.beginStage(box.label) }
            canvas.rectangle(x: left, y: top, width: width, height: height, fill: "#f7f9fc", stroke: stroke)
            var y = top + padding / 2
            for line in lines {
                line.draw(&canvas, x, y)
                y += line.height
            }
            if hasFigures { canvas.endStage() }
            var at = left + (width - inside) / 2
            for branch in branches {
                branch.draw(&canvas, at + branch.left, top + head + 6)
                at += branch.width + between
            }
        }
    }

    private func branch(_ branch: PipelineGraph.Branch) -> SVGBlock {
        let column = SVGBlock.column(branch.boxes.map { block($0) })
        let caption = SVGLine.text(branch.name, isSmall: true)
        let (padding, head) = (12, 40)
        let left = max(column.left, caption.width / 2) + padding
        let right = max(column.right, caption.width / 2) + padding
        return SVGBlock(
            left: left, right: right, height: head + column.height + padding, isPassed: false
        ) { canvas, x, top in
            canvas.rectangle(
                x: x - left, y: top, width: left + right, height: head + column.height + padding, fill: "#ffffff",
                stroke: .dotted)
            caption.draw(&canvas, x, top + 3)
            canvas.arrow(from: (x, top + 20), to: (x, top + head))
            column.draw(&canvas, x, top + head)
        }
    }

    /// The stages that run after an error, to the right of the step.
    private func withErrors(_ box: PipelineGraph.Box, _ inner: SVGBlock) -> SVGBlock {
        guard !box.errorSteps.isEmpty else { return inner }
        let handler = branch(PipelineGraph.Branch(name: "on error", boxes: box.errorSteps))
        let gap = 40
        return SVGBlock(
            left: inner.left, right: inner.right + gap + handler.width, height: max(inner.height, handler.height),
            isPassed: false
        ) { canvas, x, top in
            inner.draw(&canvas, x, top)
            let y = top + min(inner.height, handler.height) / 2
            canvas.arrow(from: (x + inner.right, y), to: (x + inner.right + gap, y), stroke: .dotted)
            handler.draw(&canvas, x + inner.right + gap + handler.left, top)
            let height = max(inner.height, handler.height)
            if height > inner.height { canvas.line(from: (x, top + inner.height), to: (x, top + height)) }
        }
    }

    /// The line goes on; beside it a dashed arrow leads into the queue, and one out of it to the step.
    private func behindQueue(_ inner: SVGBlock, of box: PipelineGraph.Box, queue: String) -> SVGBlock {
        let guarantee = hasFigures ? [] : box.guarantee.flatMap { SVGCanvas.lines(of: "· \($0)", letters: 48) }
        let words = "queue \(box.queueName.map { "\($0) " } ?? "")in \(queue) when full"
        let (lead, bars, queueHeight) = (40, 36, 34)
        let queueWidth = SVGCanvas.width(of: words, isSmall: true) + 20 + bars
        let textWidth = guarantee.map { SVGCanvas.width(of: $0, isSmall: true) }.max() ?? 0
        let block = max(queueWidth + lead, textWidth + 20)
        let notes = (hasFigures ? 1 : guarantee.count) * SVGCanvas.smallLineHeight
        let height = max(inner.height, queueHeight + 10 + notes)
        return SVGBlock(
            left: 0, right: lead + block + inner.width, height: height, isPassed: true
        ) { canvas, x, top in
            canvas.line(from: (x, top), to: (x, top + height))
            let (left, middle) = (x + lead, top + queueHeight / 2)
            canvas.arrow(from: (x, middle), to: (left, middle), stroke: .dashed)
            canvas.queue(x: left, y: top, width: queueWidth, height: queueHeight, fill: "#fce4d6")
            canvas.text(words, x: left + 10, baseline: middle + 4, isSmall: true)
            canvas.arrow(from: (left + queueWidth, middle), to: (left + block, middle), stroke: .dashed)
            var y = top + queueHeight + 10
            if hasFigures { canvas.figure(x: left, baseline: y + 10, queue: box.label) }
            for line in guarantee {
                canvas.text(line, x: left, baseline: y + 10, isSmall: true)
                y += SVGCanvas.smallLineHeight
            }
            inner.draw(&canvas, left + block + inner.left, top)
        }
    }
}

extension PipelineGraph.Box {
    /// How its branches stand to each other, where there is something to say.
    fileprivate var flowWords: String? {
        switch flow {
        case .oneOf(isExhaustive: false): "one of these, or none"
        case .oneOf where branches.count > 1: "one of these"
        case .all: "all at the same time"
        case .fallback: "the second where the first fails"
        case .oneOf, nil: nil
        }
    }
}
