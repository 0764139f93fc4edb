import ArgumentParser
@main struct TikTrue: ParsableCommand {}
