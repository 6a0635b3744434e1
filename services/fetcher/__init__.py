"""The fetcher: visits accounts when they are due, fetches what is new, deletes what is settled."""
