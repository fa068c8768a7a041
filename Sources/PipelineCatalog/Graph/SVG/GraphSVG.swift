import Pipeline

/// A pipeline as a picture, made without any program outside: what the client waits for stands on the line from client to
/// client, what runs in the background below it, behind its queue.
enum GraphSVG {
    private struct Picture {
        let name: String
        let whole: SVGBlock
        let unused: [SVGLine]

        private static let margin = 12
        private static let title = 22

        var width: Int {
            let below = unused.map(\.width).max() ?? 0
            return max(whole.width, SVGCanvas.width(of: name), below) + 2 * Picture.margin
        }

        var height: Int {
            unused.reduce(Picture.title + whole.height + 2 * Picture.margin) { $0 + 8 + $1.height }
        }

        /// The part of it that is covered.
        var density: Double { Double(whole.covered) / Double(width * height) }

        func elements(width: Int) -> [String] {
            let margin = Picture.margin
            var canvas = SVGCanvas()
            canvas.text(name, x: margin, baseline: margin + 12, isBold: true)
            let frame = SVGFrame(
                x: margin, y: margin + Picture.title, width: width - 2 * margin, height: whole.height)
            whole.draw(&canvas, frame)
            var bottom = frame.bottom
            for line in unused {
                line.draw(&canvas, margin + line.width / 2, bottom + 8)
                bottom += 8 + line.height
            }
            return canvas.elements
        }
    }

    /// How wide a picture may be: as wide as pages of documents are, so that its texts are not made smaller there.
    private static let widths = Array(stride(from: 440, through: 820, by: 20))

    /// Several are one picture, one below the other.
    static func draw(_ graphs: [PipelineGraph]) -> String {
        let pictures = graphs.map { picture(of: $0) }
        let width = pictures.map(\.width).max() ?? 0
        if let only = pictures.first, pictures.count == 1 { return document(only, width: width) }
        var (inner, height): ([String], Int) = ([], 0)
        for picture in pictures {
            inner.append(document(picture, width: width, y: height))
            height += picture.height
        }
        let head = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)">
            """
        return ([head] + inner + ["</svg>"]).joined(separator: "\n")
    }

    /// The same with empty lines in each step, for figures of a running host.
    fileprivate static func drawForFigures(_ graph: PipelineGraph) -> String {
        let picture = picture(of: graph, hasFigures: true)
        // The page has colours of its own, and takes no style that stands inside.
        return document(picture, width: picture.width, hasStyle: false)
    }

    /// The width with which most of the sheet is covered.
    private static func picture(of graph: PipelineGraph, hasFigures: Bool = false) -> Picture {
        let resources = Dictionary(graph.resources.map { ($0.name, $0.type) }) { first, _ in first }
        let drawing = SVGBoxes(resources: resources, hasFigures: hasFigures)
        var client = SVGBlock.box([.text("client")], fill: "#e2efda", radius: 17)
        client.isFixed = true
        let used = Set(graph.boxes.flatMap { $0.allUses })
        let unused = graph.resources.filter { !used.contains($0.name) }.map {
            SVGLine.resource("\($0.name): \($0.type), which no stage uses")
        }
        func picture(_ width: Int) -> Picture {
            let whole = drawing.flow([client], graph.boxes, last: [client], width: width)
            return Picture(name: graph.name, whole: whole, unused: unused)
        }
        var best = picture(widths[widths.count - 1])
        for width in widths.dropLast().reversed() {
            let other = picture(width)
            if other.density > best.density * 1.02 { best = other }
        }
        return best
    }

    private static func document(_ picture: Picture, width: Int, y: Int? = nil, hasStyle: Bool = true) -> String {
        let height = picture.height
        let head = """
            <svg xmlns="http://www.w3.org/2000/svg"\(y.map { " y=\"\($0)\"" } ?? "") width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" \
            role="img" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13" \
            fill="#1f2a37">
            <title>pipeline \(XMLText.escaped(picture.name))</title>\(hasStyle ? "\n<style>\(darkStyle)</style>" : "")
            <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" \
            orient="auto"><path d="M0 0 L8 4 L0 8 Z" fill="#44546a"/></marker></defs>
            <rect width="\(width)" height="\(height)" fill="#ffffff"/>
            """
        return ([head] + picture.elements(width: width) + ["</svg>"]).joined(separator: "\n")
    }

    /// The colours where the reader's are dark.
    private static let darkStyle: String = {
        let fills = [
            ("ffffff", "0d1117"), ("deebf7", "1c3350"), ("e2efda", "20402b"), ("f7f9fc", "161c24"),
            ("fce4d6", "4a2f1f"), ("fff3cd", "4a4220"), ("44546a", "a9b4c0"),
        ]
        let rules = fills.map { "[fill=\"#\($0.0)\"]{fill:#\($0.1)}" }.joined()
        return "@media (prefers-color-scheme:dark){svg{fill:#e6edf3}[stroke=\"#44546a\"]{stroke:#a9b4c0}\(rules)}"
    }()
}

extension PipelineGraph {
    /// The picture with room for figures: each step, which is a group with `data-stage`, its label, has two empty texts of the
    /// class `figure`; each queue has one such text with `data-queue`, the label of the step behind it.
    package var pictureForFigures: String { GraphSVG.drawForFigures(self) }
}

extension PipelineGraph.Box {
    /// The resources that it and what it holds use.
    fileprivate var allUses: [String] {
        uses + errorSteps.flatMap(\.allUses) + branches.flatMap { $0.boxes.flatMap(\.allUses) }
            + [queueName].compactMap(\.self)
    }
}
