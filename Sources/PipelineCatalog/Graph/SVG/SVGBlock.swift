import Pipeline

/// Where a part of a drawing stands.
struct SVGFrame {
    var x: Int
    var y: Int
    var width: Int
    var height: Int

    var right: Int { x + width }
    var bottom: Int { y + height }
    /// Where messages come in at its left, and leave at its right.
    var middle: Int { y + height / 2 }
}

/// A part of a drawing: how much room it needs at least, and how it is drawn in the room that it gets. Messages go through it
/// from left to right.
struct SVGBlock {
    let width: Int
    let height: Int
    /// The part of that room on which something is drawn.
    let covered: Int
    /// Whether it stays as wide as it is where there is more room.
    var isFixed = false
    let draw: @Sendable (inout SVGCanvas, SVGFrame) -> Void

    /// The same, marked as what stands for a step.
    func marked(_ label: String) -> SVGBlock {
        SVGBlock(width: width, height: height, covered: covered, isFixed: isFixed) { canvas, frame in
            canvas.beginStage(label)
            draw(&canvas, frame)
            canvas.endStage()
        }
    }

    /// Lines in a box of their own, centered.
    static func box(_ lines: [SVGLine], fill: String, radius: Int = 6, stroke: SVGCanvas.Stroke = .solid) -> SVGBlock {
        let width = max(64, (lines.map(\.width).max() ?? 0) + 20)
        let inside = lines.map(\.height).reduce(0, +)
        let height = inside + 16
        return SVGBlock(width: width, height: height, covered: width * height) { canvas, frame in
            canvas.rectangle(frame, fill: fill, stroke: stroke, radius: radius)
            var y = frame.y + (frame.height - inside) / 2
            for line in lines {
                line.draw(&canvas, frame.x + frame.width / 2, y)
                y += line.height
            }
        }
    }

    /// Where messages come into a branch.
    static let entry = SVGBlock(width: 8, height: 8, covered: 64, isFixed: true) { canvas, frame in
        canvas.dot(x: frame.x + 4, y: frame.middle)
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

    /// A text as small lines of no more letters than so many, where its words allow.
    static func small(_ text: String, letters: Int) -> [SVGLine] {
        SVGCanvas.lines(of: text, letters: letters).map { .text($0, isSmall: true) }
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
