"""What differs between demo customers of one language and another: names, dates, money, manners."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache


@dataclass(frozen=True, slots=True)
class Language:
    """How customers of one language are called and write.

    ``day`` and ``money`` are formats, of a day with its month's name and of whole
    and hundredth units of a currency.
    """

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[str, ...]
    months: tuple[str, ...]
    day: str
    money: str
    greetings: tuple[str, ...]
    closings: tuple[str, ...]

    def date(self, moment: datetime) -> str:
        """The moment's day as people write it, without the year."""
        return self.day.format(moment.day, self.month(moment))

    def month(self, moment: datetime) -> str:
        """The name of the moment's month."""
        return self.months[moment.month - 1]


@cache
def address_part(name: str) -> str:
    """A name as it stands in an e-mail address: ASCII letters alone, in lower case."""
    folded = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalpha())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH = Language(
    first_names=_words(
        """
        Amara Aisha Alice Ben Bridget Callum Carmen Chidi Chloe Daniel Deepa Diego Eleanor Ethan Fatima Freya
        George Grace Hannah Hiroshi Imran Isla Jack Jamal Joanna Kenji Kofi Leila Liam Lucy Mei Mohammed Nadia
        Niamh Noah Olga Oliver Padma Peter Rachel Ravi Rosa Ruth Sam Sinead Sofia Tariq Theo Uma Victor Wanjiru
        Yusuf Zoë
        """
    ),
    last_names=_words(
        """
        Abbott Achebe Ahmed Bailey Baker Brennan Brooks Campbell Chen Clarke Cohen Cooper Dalton Davies Diaz
        Edwards Evans Farrell Fletcher Foster Gallagher Ghosh Gibson Hall Hansen Hughes Ibrahim Iyer Jackson
        Kapoor Kaya Khan Kim Kowalski Lam Lewis MacLeod Marsh Mitchell Moyo Murphy Nguyen Novak Nwosu O'Brien
        Okafor Olsen Osei Park Patel Quinn Reid Robinson Rossi Sato Shah Silva Singh Tanaka Taylor Turner
        Walker Ward Wilson Wong Wright Yamada Young
        """
    ),
    cities=_words("Bristol Leeds Dublin Austin Toronto Glasgow Portland Wellington Cork Boston"),
    months=_words("January February March April May June July August September October November December"),
    day="{} {}",
    money="${}.{:02}",
    greetings=("Hi,", "Hello,", "Hi there,", "Hello team,", "Good morning,"),
    closings=("Thanks,", "Thank you,", "Best,", "Kind regards,", "Cheers,"),
)

GERMAN = Language(
    first_names=_words(
        """
        Anja Björn Carsten Dilara Emil Franziska Günter Heike Jens Käthe Lukas Marlene Mehmet Nele Ole Petra
        Sabine Stefan Thorsten Ulrike
        """
    ),
    last_names=_words(
        """
        Albrecht Bauer Demir Engel Fuchs Groß Hofmann Jäger Keller Köhler Lang Müller Neumann Pohl Richter
        Schäfer Schröder Vogt Weiß Ziegler
        """
    ),
    cities=_words("Hamburg Leipzig Köln Graz Bern Nürnberg"),
    months=_words("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    day="{}. {}",
    money="{},{:02} €",
    greetings=("Guten Tag,", "Hallo,", "Sehr geehrte Damen und Herren,", "Moin,"),
    closings=("Viele Grüße", "Mit freundlichen Grüßen", "Danke und Gruß", "Beste Grüße"),
)

SPANISH = Language(
    first_names=_words(
        """
        Adrián Begoña Carlos Elena Fernando Gabriela Íñigo Javier Lucía Marta Nuria Pablo Raquel Sebastián
        Ximena
        """
    ),
    last_names=_words(
        """
        Álvarez Castro Delgado Fernández García Herrera Iglesias López Molina Muñoz Navarro Ortiz Peña
        Romero Vázquez
        """
    ),
    cities=_words("Valencia Bilbao Sevilla Bogotá Monterrey"),
    months=_words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    day="{} de {}",
    money="{},{:02} €",
    greetings=("Hola:", "Buenos días:", "Buenas tardes:"),
    closings=("Gracias,", "Un saludo,", "Muchas gracias,"),
)

FRENCH = Language(
    first_names=_words(
        """
        Amélie Benoît Céline Damien Élodie François Hélène Jérôme Karim Léa Mathieu Noémie Olivier Sylvie
        Yann
        """
    ),
    last_names=_words(
        """
        Bernard Chevalier Dubois Fournier Garnier Haddad Lambert Lefèvre Marchand Moreau Perrin Renaud
        Roussel Thévenet Vidal
        """
    ),
    cities=_words("Nantes Lyon Lille Genève Namur"),
    months=_words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    day="{} {}",
    money="{},{:02} €",
    greetings=("Bonjour,", "Bonjour à toute l'équipe,", "Madame, Monsieur,"),
    closings=("Merci d'avance,", "Cordialement,", "Bonne journée,"),
)

PORTUGUESE = Language(
    first_names=_words("André Beatriz Conceição Duarte Fábio Inês João Letícia Mafalda Nuno Patrícia Rui Tiago Vânia"),
    last_names=_words(
        """
        Almeida Barbosa Carvalho Esteves Ferreira Gonçalves Lourenço Magalhães Nogueira Pires Ribeiro Simões
        Teixeira Vieira
        """
    ),
    cities=_words("Porto Coimbra Braga Recife Curitiba"),
    months=_words("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    day="{} de {}",
    money="{},{:02} €",
    greetings=("Olá,", "Bom dia,", "Boa tarde,"),
    closings=("Obrigada,", "Obrigado,", "Cumprimentos,"),
)

LANGUAGES = {"en": ENGLISH, "de": GERMAN, "es": SPANISH, "fr": FRENCH, "pt": PORTUGUESE}
