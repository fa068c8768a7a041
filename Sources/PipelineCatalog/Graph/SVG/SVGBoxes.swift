import Pipeline

/// Makes blocks of a pipeline's steps.
struct SVGBoxes {
    /// The types of the resources by their names.
    let resources: [String: String]
    /// Whether each step has room for figures.
    var hasFigures = false

    private static let padding = 12
    private static let between = 10
    /// How long the lines of facts are.
    private static let letters = 30

    /// Steps in their order, with what runs beside them.
    func flow(_ blocks: [SVGBlock] = [], _ boxes: [PipelineGraph.Box], last: [SVGBlock] = [], width: Int) -> SVGBlock {
        let steps = boxes.flatMap { box in
            box.queue.map { [.lane(lane(behind: $0, box, width: width))] } ?? items(box, width: width)
        }
        return SVGFlow(blocks.map { .step($0) } + steps + last.map { .step($0) }, width: width).block
    }

    /// A step, and the stages that run after an error of it.
    private func items(_ box: PipelineGraph.Box, width: Int) -> [SVGFlow.Item] {
        let inner = box.flow == nil ? step(box) : composite(box, width: width)
        guard !box.errorSteps.isEmpty else { return [.step(inner)] }
        let handler = branch(PipelineGraph.Branch(name: "on error", boxes: box.errorSteps), width: width)
        return [
            .step(inner),
            .lane(SVGFlow.Lane(block: handler, start: .step, entry: handler.width - 20, stroke: .dotted)),
        ]
    }

    private func heading(_ box: PipelineGraph.Box, letters: Int = SVGBoxes.letters) -> [SVGLine] {
        let named = box.label == box.stage ? [] : ["(\(box.stage))"]
        let condition = box.condition.isEmpty ? [] : [box.conditionWords]
        let facts = (named + condition + box.facts).flatMap { SVGLine.small($0, letters: letters) }
        let uses = box.uses.filter { $0 != box.queueName }.map { name in
            SVGLine.resource(resources[name].map { "\(name): \($0)" } ?? name)
        }
        return [.text(box.label, isBold: true)] + facts + uses + (hasFigures ? [.figure, .figure] : [])
    }

    private func step(_ box: PipelineGraph.Box) -> SVGBlock {
        .box(heading(box), fill: "#deebf7", stroke: box.condition.isEmpty ? .solid : .dashed).marked(box.label)
    }

    /// A box around the branches, which stand below each other in boxes of their own, or beside each other where that takes
    /// less room.
    private func composite(_ box: PipelineGraph.Box, width: Int) -> SVGBlock {
        let lines = heading(box, letters: 60) + (box.flowWords.map { [SVGLine.text($0, isSmall: true)] } ?? [])
        let (padding, between) = (SVGBoxes.padding, SVGBoxes.between)
        let branches = box.branches.map { branch($0, width: width - 2 * padding) }
        let head = lines.map(\.height).reduce(padding, +)
        let gaps = between * max(0, branches.count - 1)
        let (across, tallest) = (branches.map(\.width).reduce(gaps, +), branches.map(\.height).max() ?? 0)
        let (widest, down) = (branches.map(\.width).max() ?? 0, branches.map(\.height).reduce(gaps, +))
        let isAcross = across + 2 * padding <= width && across * tallest <= widest * down
        let inside = max(isAcross ? across : widest, lines.map(\.width).max() ?? 0)
        let height = head + (isAcross ? tallest : down) + padding
        let captions = lines.map { $0.width * $0.height }.reduce(0, +)
        return SVGBlock(
            width: inside + 2 * padding, height: height, covered: branches.map(\.covered).reduce(captions, +)
        ) { canvas, frame in
            canvas.beginStage(box.label)
            canvas.rectangle(frame, fill: "#f7f9fc", stroke: box.condition.isEmpty ? .solid : .dashed)
            var y = frame.y + padding / 2
            for line in lines {
                line.draw(&canvas, frame.x + frame.width / 2, y)
                y += line.height
            }
            canvas.endStage()
            let room = SVGFrame(
                x: frame.x + padding, y: frame.y + head, width: frame.width - 2 * padding,
                height: frame.height - head - padding)
            let spare = isAcross ? room.width - across : room.height - down
            var at = room
            for (index, branch) in branches.enumerated() {
                let more = spare * (index + 1) / branches.count - spare * index / branches.count
                if isAcross { at.width = branch.width + more } else { at.height = branch.height + more }
                branch.draw(&canvas, at)
                if isAcross { at.x = at.right + between } else { at.y = at.bottom + between }
            }
        }
    }

    private func branch(_ branch: PipelineGraph.Branch, width: Int) -> SVGBlock {
        let (padding, head) = (SVGBoxes.padding, 20)
        let inner = flow([.entry], branch.boxes, width: width - 2 * padding)
        let caption = SVGCanvas.width(of: branch.name, isSmall: true)
        return SVGBlock(
            width: max(inner.width, caption) + 2 * padding, height: head + inner.height + padding,
            covered: inner.covered + caption * SVGCanvas.smallLineHeight
        ) { canvas, frame in
            canvas.rectangle(frame, fill: "#ffffff", stroke: .dotted)
            canvas.text(branch.name, x: frame.x + padding, baseline: frame.y + 15, isSmall: true)
            inner.draw(
                &canvas,
                SVGFrame(
                    x: frame.x + padding, y: frame.y + head, width: frame.width - 2 * padding,
                    height: frame.height - head - padding))
        }
    }

    /// The line goes on; below it a dashed arrow leads into the queue, and one out of it to the step.
    private func lane(behind queue: String, _ box: PipelineGraph.Box, width: Int) -> SVGFlow.Lane {
        let words = "queue \(box.queueName.map { "\($0) " } ?? "")in \(queue) when full"
        let facts = box.queueFacts.isEmpty ? [] : [box.queueFacts.joined(separator: ", ")]
        let guarantee = hasFigures ? [] : box.guarantee.map { "· \($0)" }
        let bars = 40
        let least = SVGCanvas.width(of: words, isSmall: true) + 16 + bars
        let inner = SVGFlow(items(box, width: width - least - SVGFlow.gap), width: width - least - SVGFlow.gap).block
        // As wide as there is room beside the step, so that there are few lines below each other.
        let letters = max(34, (width - inner.width - SVGFlow.gap - 16 - bars) * 100 / (11 * 63))
        let notes = (facts + guarantee).flatMap { SVGCanvas.lines(of: $0, letters: letters) }
        let queueWidth = max(least, (notes.map { SVGCanvas.width(of: $0, isSmall: true) }.max() ?? 0) + 16 + bars)
        let queueHeight = 34 + (notes.count + (hasFigures ? 1 : 0)) * SVGCanvas.smallLineHeight
        let height = max(queueHeight, inner.height)
        let block = SVGBlock(
            width: queueWidth + SVGFlow.gap + inner.width, height: height,
            covered: queueWidth * queueHeight + inner.covered
        ) { canvas, frame in
            let spare = frame.width - queueWidth - SVGFlow.gap - inner.width
            let place = SVGFrame(x: frame.x, y: frame.y, width: queueWidth + spare / 2, height: frame.height)
            canvas.queue(place, fill: "#fce4d6")
            var y = frame.y + (frame.height - queueHeight) / 2 + 21
            canvas.text(words, x: place.x + 10, baseline: y, isSmall: true, isBold: true)
            for line in notes {
                y += SVGCanvas.smallLineHeight
                canvas.text(line, x: place.x + 10, baseline: y, isSmall: true)
            }
            if hasFigures { canvas.figure(x: place.x + 10, baseline: y + SVGCanvas.smallLineHeight, queue: box.label) }
            let at = SVGFrame(
                x: place.right + SVGFlow.gap, y: frame.y, width: frame.right - place.right - SVGFlow.gap,
                height: frame.height)
            canvas.arrow(from: (place.right, frame.middle), to: (at.x, frame.middle), stroke: .dashed)
            inner.draw(&canvas, at)
        }
        return SVGFlow.Lane(block: block, start: .line, entry: queueWidth - bars - 10, stroke: .dashed)
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
