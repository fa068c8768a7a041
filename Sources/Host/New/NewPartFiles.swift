import ArgumentParser
import FoundationEssentials
import Server

/// The writing of a stage or resource: into the host of the working directory, or into a package of its own.
struct NewPartFiles {
    /// Where a new package gets Stagecoach from; `nil` for the folder that this program was built in.
    let stagecoach: String?

    /// Writes it, and prints what is next.
    ///
    /// - Throws: `ExitCode.failure`, after saying why, where it can't be written.
    func write<Part: NewPart>(_ make: () throws(NewProblem) -> Part) throws {
        do throws(NewProblem) {
            let part = try make()
            if let package = try HostPackage.find() {
                try add(part, to: package)
            } else {
                try writePackage(of: part)
            }
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    private func add(_ part: some NewPart, to package: HostPackage) throws(NewProblem) {
        let (name, files) = (part.name, package.files(for: part))
        try files.write()
        print(
            """
            \(files.all.map(\.path).joined(separator: "\n"))
            \(package.list(part))

            Next:
              \(package.swift("test"))
              \(package.swift("run")) \(package.target) stages \(name.inFiles)
              \(package.swift("run")) \(package.target) serve \(name.ofPackage).yaml
            """)
    }

    private func writePackage(of part: some NewPart) throws(NewProblem) {
        let template = HostTemplate(part: part, dependency: try StagecoachDependency(named: stagecoach))
        let (name, files) = (part.name, template.files)
        try files.write()
        print(
            """
            \(files.all.map(\.path).joined(separator: "\n"))

            \(template.dependency.description)

            Next:
              cd \(name.ofPackage)
              \(template.dependency.swift("test"))
              \(template.dependency.swift("run")) \(name.host) stages \(name.inFiles)
              \(template.dependency.swift("run")) \(name.host) serve \(name.ofPackage).yaml
            """)
    }
}
