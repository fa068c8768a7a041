import Pipeline

/// A part of a drawing: how much room it takes to both sides of the line that messages go down, and how it is drawn.
struct SVGBlock {
    let left: Int
    let right: Int
    let height: Int
    /// Whether the line goes on through it, as it does beside what runs in the background.
    let isPassed: Bool
    /// Draws it, its line at `x` and its top at `y`.
    let draw: @Sendable (inout SVGCanvas, _ x: Int, _ y: Int) -> Void

    var width: Int { left + right }

    static let gap = 26

    /// Blocks one below the other, with arrows between them.
    static func column(_ blocks: [SVGBlock]) -> SVGBlock {
        let height = blocks.map(\.height).reduce(0, +) + gap * max(0, blocks.count - 1)
        return SVGBlock(
            left: blocks.map(\.left).max() ?? 0, right: blocks.map(\.right).max() ?? 0, height: height,
            isPassed: blocks.allSatisfy(\.isPassed)
        ) { canvas, x, top in
            var y = top
            for (index, block) in blocks.enumerated() {
                block.draw(&canvas, x, y)
                y += block.height
                if index == blocks.count - 1 { break }
                if blocks[index + 1].isPassed {
                    canvas.line(from: (x, y), to: (x, y + gap))
                } else {
                    canvas.arrow(from: (x, y), to: (x, y + gap))
                }
                y += gap
            }
        }
    }

    /// The same, marked as what stands for a step.
    func marked(_ label: String) -> SVGBlock {
        SVGBlock(left: left, right: right, height: height, isPassed: isPassed) { canvas, x, y in
            canvas.beginStage(label)
            draw(&canvas, x, y)
            canvas.endStage()
        }
    }

    /// Lines in a box of their own, centered.
    static func box(_ lines: [SVGLine], fill: String, radius: Int = 6, stroke: SVGCanvas.Stroke = .solid) -> SVGBlock {
        let width = max(90, (lines.map(\.width).max() ?? 0) + 24) / 2 * 2
        let height = lines.map(\.height).reduce(16, +)
        return SVGBlock(left: width / 2, right: width / 2, height: height, isPassed: false) { canvas, x, top in
            canvas.rectangle(
                x: x - width / 2, y: top, width: width, height: height, fill: fill, stroke: stroke, radius: radius)
            var y = top + 8
            for line in lines {
                line.draw(&canvas, x, y)
                y += line.height
            }
        }
    }
}

/// A line inside a box.
struct SVGLine {
    let width: Int
    let height: Int
    /// Draws it with its middle at `x` and its top at `y`.
    let draw: @Sendable (inout SVGCanvas, _ x: Int, _ y: Int) -> Void

    static func text(_ text: String, isBold: Bool = false, isSmall: Bool = false) -> SVGLine {
        let height = isSmall ? SVGCanvas.smallLineHeight : SVGCanvas.lineHeight
        return SVGLine(width: SVGCanvas.width(of: text, isSmall: isSmall), height: height) { canvas, x, y in
            canvas.text(text, x: x, baseline: y + height - 4, isSmall: isSmall, isBold: isBold, isCentered: true)
        }
    }

    /// An empty line.
    static var figure: SVGLine {
        let letters = String(repeating: "x", count: SVGCanvas.figureLetters)
        return SVGLine(width: SVGCanvas.width(of: letters, isSmall: true), height: SVGCanvas.smallLineHeight) {
            canvas, x, y in
            canvas.figure(x: x, baseline: y + SVGCanvas.smallLineHeight - 4)
        }
    }

    /// A resource, drawn as what stores.
    static func resource(_ text: String) -> SVGLine {
        let width = SVGCanvas.width(of: text, isSmall: true) + 20
        return SVGLine(width: width, height: 32) { canvas, x, y in
            canvas.cylinder(x: x - width / 2, y: y + 3, width: width, height: 27, fill: "#fff3cd")
            canvas.text(text, x: x, baseline: y + 23, isSmall: true, isCentered: true)
        }
    }
}
